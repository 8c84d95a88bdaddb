#!/bin/bash
# Process 1 of the guest: mounts, runs the scenario, sends /out to the host, ends the guest without poweroff
# (which takes every device lock and hangs after a devlink deadlock).
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t tmpfs out /out
mount -t tracefs tracing /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts && mount -t devpts pts /dev/pts
ln -s /proc/self/fd /dev/fd
hostname lab
ip link set lo up
echo 1 > /proc/sys/kernel/sysrq

end() {
    echo b > /proc/sysrq-trigger
    sleep 1000
}

# Header of 512 bytes with the length, then a gzip'd tar: its own checksum tells the host of damage.
ship() {
    dmesg > /out/dmesg.txt
    tar -C /out -czf /tmp/out.tgz .
    local size room
    size=$(stat -c %s /tmp/out.tgz)
    room=$(($(cat /sys/block/vda/size) * 512 - 512))
    if ((size > room)); then
        echo "lab: /out is too large: $size bytes packed, $room fit"
        return
    fi
    { printf '%-511s\n' "lab-out $size"; cat /tmp/out.tgz; } > /dev/vda
    sync
    echo "lab: shipped $size"
}

. /lab/config
echo "lab: up $(uname -r)"
if [[ $MODE == probe ]]; then end; fi

modprobe virtio_pci
modprobe virtio_blk
if [[ $MODE == shell ]]; then
    echo "lab: tracer is /usr/bin/tracer; leave with exit (or Ctrl-A x)"
    setsid -c bash -i < /dev/ttyS0 > /dev/ttyS0 2>&1
    end
fi

/lab/scenario.sh < /dev/null &
scenario=$!
sleep "$LIMIT" &
timer=$!
wait -n "$scenario" "$timer"
if kill -0 "$scenario" 2> /dev/null; then
    echo "lab: late"
    echo 7 > /proc/sys/kernel/printk
    echo w > /proc/sysrq-trigger
fi
ship
end
