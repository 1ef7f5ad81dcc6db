//! A socket of this machine that its owner alone can connect to, from its first moment on.
//!
//! It is made in a directory that only its owner can enter, given its mode there, and then moved to its name: nobody else
//! can connect in between, whatever the mask is, and nothing of the process (its mask, its directory) is changed for
//! that. Source: C18.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The longest path of a socket that is made: the system takes 107 bytes, and its first name is longer.
const PATH_BYTES_MAX: usize = 90;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody listens there.
    #[error("a process listens there")]
    InUse,
    /// What is there is not ours to replace.
    #[error("{0}")]
    Refused(&'static str),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The name of a socket; it is taken away when this is dropped, if it is still ours.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (self.device, self.inode));
        if ours {
            // What cannot be taken away is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on a socket of this name. One that is left over, on which nobody listens, is replaced.
pub fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    if path.as_os_str().len() > PATH_BYTES_MAX {
        return Err(SocketError::Refused("its path has more than 90 bytes"));
    }
    let (Some(parent), Some(_)) = (path.parent(), path.file_name()) else {
        return Err(SocketError::Refused("it is no path of a file"));
    };
    let directory = fs::File::open(parent)?;
    let about = directory.metadata()?;
    let user = rustix::process::geteuid().as_raw();
    let mode = about.mode();
    if (about.uid() != user && about.uid() != 0) || (mode & 0o022 != 0 && mode & 0o1000 == 0) {
        return Err(SocketError::Refused(
            "others can replace what is in its directory",
        ));
    }
    // Of two processes that find the same left over, one waits for the other.
    rustix::fs::flock(&directory, FlockOperation::LockExclusive).map_err(io::Error::from)?;
    may_replace(path, user)?;
    let room = Room::make(parent)?;
    let first = room.0.join("s");
    let listener = UnixListener::bind(&first)?;
    fs::set_permissions(&first, fs::Permissions::from_mode(0o600))?;
    let made = fs::symlink_metadata(&first)?;
    fs::rename(&first, path)?;
    let file = SocketFile {
        path: path.to_owned(),
        device: made.dev(),
        inode: made.ino(),
    };
    Ok((listener, file))
}

/// Checks that there is nothing of this name, or a socket of ours on which nobody listens.
fn may_replace(path: &Path, user: u32) -> Result<(), SocketError> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    if !there.file_type().is_socket() || there.uid() != user {
        return Err(SocketError::Refused(
            "something else is there: move it away, or choose another path",
        ));
    }
    let family = AddressFamily::UNIX;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let address = SocketAddrUnix::new(path).map_err(io::Error::from)?;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
    match rustix::net::connect(socket.map_err(io::Error::from)?, &address) {
        Err(rustix::io::Errno::CONNREFUSED) => Ok(()),
        // Connected, or it would be if there were not so many who wait.
        Ok(()) | Err(_) => Err(SocketError::InUse),
    }
}

/// A directory that only its owner can enter, for a moment.
struct Room(PathBuf);

impl Room {
    fn make(parent: &Path) -> io::Result<Self> {
        let room = parent.join(format!(".s{}", std::process::id()));
        match fs::remove_dir_all(&room) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&room)?;
        Ok(Self(room))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It is empty, or the next start empties it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_is_its_owners_alone_and_goes_with_its_listener() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("admin.sock");
        let (listener, file) = bind(&path).unwrap();
        let about = fs::symlink_metadata(&path).unwrap();
        assert_eq!(about.mode() & 0o7777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        // Somebody listens there.
        assert!(matches!(bind(&path), Err(SocketError::InUse)));
        // A process that was killed leaves it.
        let aside = scratch.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        drop((listener, file));
        fs::rename(&aside, &path).unwrap();
        let (again, file) = bind(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        // What came in its place is not taken away.
        fs::remove_file(&path).unwrap();
        let (other, others) = bind(&path).unwrap();
        drop((again, file));
        assert!(UnixStream::connect(&path).is_ok());
        drop((other, others));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_socket_of_ours_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("admin.sock");
        fs::write(&path, "kept").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::Refused(_))));
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(scratch.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(bind(&path), Err(SocketError::Refused(_))));
        let long = scratch.path().join("x".repeat(100));
        assert!(matches!(bind(&long), Err(SocketError::Refused(_))));
        let open = scratch.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            bind(&open.join("s")),
            Err(SocketError::Refused(_))
        ));
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(bind(&open.join("s")).is_ok());
    }
}
