#!/bin/sh
# Writes every lock. Hashes, no addresses, no paths: the locks install from whatever index the machine is set up with.
set -eu
uv="${UV:-uv}"
own="contracts kit loyalty feedback notifications recommendations gateway allinone"
omit=""
for name in $own; do omit="$omit --no-emit-package comeback-$name"; done
flags="-q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $omit"
libs="libs/contracts/pyproject.toml libs/kit/pyproject.toml"
all="$libs services/loyalty/pyproject.toml services/feedback/pyproject.toml services/notifications/pyproject.toml
     services/recommendations/pyproject.toml gateway/pyproject.toml deploy/allinone/pyproject.toml"
# bench.lock holds the most; the others are subsets of it, so one version of a package serves all.
"$uv" pip compile $flags $all requirements/bench.in -o requirements/bench.lock "$@"
"$uv" pip compile $flags -c requirements/bench.lock $all requirements/dev.in -o requirements/dev.lock
"$uv" pip compile $flags -c requirements/bench.lock $all requirements/run.in -o requirements/run.lock
for service in loyalty feedback notifications recommendations; do
  "$uv" pip compile $flags -c requirements/bench.lock $libs "services/$service/pyproject.toml" requirements/run.in -o "requirements/$service.lock"
done
"$uv" pip compile $flags -c requirements/bench.lock $libs gateway/pyproject.toml requirements/run.in -o requirements/gateway.lock
"$uv" pip compile $flags -c requirements/bench.lock requirements/native.in -o requirements/native.lock
"$uv" pip compile $flags -c requirements/bench.lock requirements/installer.in -o requirements/installer.lock
