#!/bin/bash
# Runs the three parts of a scenario and says how each ended.
. /lab/config
. /lab/lib.sh

status() { echo "lab: status $1 $2"; }

bash -e /lab/setup.sh
result=$?
status setup $result
((result == 0)) || exit

command=(tracer run "${ARGS[@]}" --json /out/report.json --report /out/report.txt -- bash -e /lab/run.sh)
mark start
if [[ -s /lab/interrupt.sh ]]; then
    # Job control, or the shell would start it with SIGINT ignored.
    set -m
    "${command[@]}" &
    tracer=$!
    set +m
    bash -e /lab/interrupt.sh
    status interrupt $?
    mark interrupt
    kill -INT $tracer
    wait $tracer
else
    "${command[@]}"
fi
result=$?
mark end
status run $result

bash -e /lab/after.sh
status after $?
