# Sourced by setup, run, interrupt and after of every scenario.

# What ends a script is said.
trap 'echo "lab: this failed: $BASH_COMMAND" >&2' ERR

# Notes the time of an event in /out/times (seconds since boot).
mark() {
    local up rest
    read -r up rest < /proc/uptime
    echo "$1 $up" >> /out/times
}

# Sleeps without starting a process: what is watched here may have wedged half the machine.
nap() {
    [[ -n $NAP ]] || exec {NAP}<> <(:)
    read -r -t "$1" -u "$NAP" || true
}

# wait_until SECONDS COMMAND...: tries the command every tenth of a second; fails when time is up.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        nap 0.1
    done
}

# True when the network namespace worker hangs: uninterruptible, with a function whose name starts with $1 on its stack. Not by its wchan:
# before 5.16 that is the lock's own slow path.
netns_worker_hangs_in() {
    local dir line stack
    for dir in /proc/[0-9]*; do
        { read -r line < "$dir/stat"; } 2> /dev/null || continue
        [[ $line == *"(kworker/"*netns*") D"* ]] || continue
        stack=
        { read -r -d '' stack < "$dir/stack"; } 2> /dev/null || true
        [[ $stack == *" $1"* ]] && return 0
    done
    return 1
}

# True when the report on disk holds this text. grep, because bash takes seconds for a report of megabytes.
report_holds() {
    grep -qF "$1" /out/report.json 2> /dev/null
}

# Ids and names of all BPF programs, maps and links, for a comparison of before and after.
bpf_objects() {
    local kind
    for kind in prog map link; do
        bpftool -j "$kind" show | sed 's/},{/}\n{/g' | sed -E "s/.*\"id\":([0-9]+).*/$kind \1/"
    done
}

# Notes the BPF objects there are before the tracer's.
note_bpf_objects() {
    bpf_objects > /tmp/before
}

# True when the BPF objects are the noted ones.
nothing_left() {
    bpf_objects > /tmp/after
    cmp -s /tmp/before /tmp/after
}

# leaves_nothing SECONDS: waits until the BPF objects are the noted ones; says what is left when time is up. The kernel frees programs and maps
# a moment after their last user is gone.
leaves_nothing() {
    wait_until "$1" nothing_left && return
    diff /tmp/before /tmp/after
    return 1
}

# measure_locks WHO: what the module hotpath measures goes to /out/hot-path, a line for each kind: who, kind, best and median.
measure_locks() {
    local file
    for file in /sys/kernel/debug/hotpath/*; do
        echo "$1 ${file##*/} $(< "$file")" >> /out/hot-path
    done
}

# Two processes that read, for 2.5 s, where there is nothing to read: `of_one_file`, the first has the mutex of its position as long (`fdget_pos()` in
# fs/file.c), and the second waits for it; `each_of_its_own`, none does.
two_readers() {
    local instances=/sys/kernel/tracing/instances one another first second
    [[ -d $instances ]] || mount -t tracefs tracefs /sys/kernel/tracing
    one=$instances/one-$$ another=$instances/another-$$
    mkdir $one $another
    exec 3< $one/trace_pipe
    if [[ $1 == of_one_file ]]; then
        exec 4<&3
    else
        exec 4< $another/trace_pipe
    fi
    cat <&3 > /dev/null &
    first=$!
    sleep 0.5
    cat <&4 > /dev/null &
    second=$!
    sleep 2.5
    exec 3<&- 4<&-
    kill $first $second
    wait $first $second || true
    rmdir $one $another
}
