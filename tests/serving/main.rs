//! The binary as it is served: who may connect to its listeners, by what encryption, and with how many open files.
//!
//! | module | promise |
//! |---|---|
//! | `socket` | administration on a socket of this machine is its owner's alone, from its first moment on (C18) |
//! | `tls` | TLS 1.2 and 1.3 with HTTP/1.1 inside; a certificate is replaced without a lost request (12.1.1, C16) |
//! | `refusals` | what would put secrets on a network in clear does not start: exit code 2 (12.2.1) |
//! | `descriptors` | with few open files connections wait, and the log does not (F23) |

#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod tls;
