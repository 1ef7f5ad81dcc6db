# Sourced by tests/clients/run and tests/smoke: installing what they need, and one server started and stopped.
# shellcheck shell=bash

# A server under test sees no setting of whoever runs this, no proxy, and keeps its state in $scratch.
unset "${!SESSILE_@}"
export NO_PROXY='127.0.0.1,localhost' no_proxy='127.0.0.1,localhost'
scratch=$(mktemp -d)
export XDG_STATE_HOME=$scratch/state
server='' listen='' updated=''
trap 'if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null; fi; rm -rf "$scratch"' EXIT

# have TEST...: whether a command, run for its exit code only, succeeds.
have() { "$@" >/dev/null 2>&1; }

# need WHAT PACKAGE TEST...: unless TEST succeeds, installs the Debian package; if it cannot, says what to install.
need() {
    local what=$1 package=$2
    shift 2
    have "$@" && return
    if [ "$(id -u)" = 0 ] && have command -v apt-get; then
        echo "# installing $package" >&2
        export DEBIAN_FRONTEND=noninteractive
        have timeout 300 apt-get install -y --no-install-recommends "$package" || {
            [ -n "$updated" ] || have timeout 300 apt-get update
            updated=yes
            have timeout 300 apt-get install -y --no-install-recommends "$package"
        } || true
    fi
    have "$@" || { echo "not ok - $what is needed: install it (Debian: $package) and run this again" && return 1; }
}

# start_server ARGUMENT...: runs "$binary serve ARGUMENT...", waits at most 30 s for its ready line, sets $listen.
# Its output is in $scratch/out and $scratch/err.
start_server() {
    local line='' tries
    : >"$scratch/out" # an earlier server's line must not be taken for this one's
    # shellcheck disable=SC2154 # set by whoever sources this
    "$binary" serve "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    server=$!
    for ((tries = 0; tries < 300; tries++)); do
        if IFS= read -r line 2>/dev/null <"$scratch/out"; then
            [[ $line =~ ^sessile\ ready\ listen=([0-9.]+:[0-9]+)\ admin=[0-9.]+:[0-9]+$ ]] || break
            # shellcheck disable=SC2034 # for whoever sources this
            listen=${BASH_REMATCH[1]}
            return 0
        fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "# no ready line; the first line was: $line"
    sed 's/^/# stderr: /' "$scratch/err" | tail -n 20
    return 1
}

# stop_server: SIGTERM, at most 30 s, then SIGKILL. Returns the exit code of the server.
stop_server() {
    local tries pid=$server code=0
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" || code=$?
    server=''
    return "$code"
}
