#!/bin/sh
# Makes .venv and installs one of the hashed locks (run, dev, bench) and the workspace's own packages, editable.
# A larger set serves for a smaller one: bench includes dev, dev includes run.
set -eu
set_name="$1"
venv="${VENV:-.venv}"

for smaller_served_by in $(case "$set_name" in run) echo "run dev bench" ;; dev) echo "dev bench" ;; *) echo "$set_name" ;; esac); do
  stamp="$venv/.installed-$smaller_served_by"
  if [ -f "$stamp" ] && [ "$stamp" -nt "requirements/$smaller_served_by.lock" ]; then exit 0; fi
done

python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
  if command -v "$candidate" >/dev/null 2>&1 &&
     "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$candidate"; break; fi
done
if [ -z "$python" ]; then
  echo "Comeback needs Python 3.11 or newer. One way to get it: pip install --user uv && uv python install 3.11" >&2
  exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv" || {
    echo "This Python cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2
    exit 1
  }
fi

echo "Installing the $set_name set into $venv …" >&2
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements/installer.lock
own="-e libs/contracts -e libs/kit -e services/loyalty -e services/feedback -e services/notifications
     -e services/recommendations -e gateway -e deploy/allinone"
install() {
  VIRTUAL_ENV="$venv" "$venv/bin/uv" pip install -q "$@" 2>"$venv/.uv-errors" ||
    # An index that only pip is set up for: slower, the same result.
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"
}
install --require-hashes -r "requirements/$set_name.lock"
# shellcheck disable=SC2086  # one argument each
install --no-deps --no-build-isolation $own
touch "$venv/.installed-$set_name"
