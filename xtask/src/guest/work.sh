# Ordinary work of a healthy kernel, for the scenarios that are to find nothing in it. Everything made is taken away again.

# Trees of files: made, copied, renamed across directories, linked, read, removed.
work_files() {
    local top=$1/tree$RANDOM i
    mkdir -p "$top"/{a,b}/{c,d}/{e,f}
    for i in {1..20}; do echo "$i" > "$top/a/c/e/$i"; done
    cp -r "$top/a" "$top/b/copy"
    mv "$top/b/copy/c" "$top/a/d/moved"
    mv "$top/a/c/e/1" "$top/b/1"
    ln "$top/b/1" "$top/a/hard"
    ln -s b/1 "$top/soft"
    cat "$top"/a/d/moved/e/* "$top/soft" > /dev/null
    tar -C "$top" -cf "$top.tar" a && tar -C "$top/b" -xf "$top.tar"
    find "$top" | sort > /dev/null
    truncate -s 100000 "$top/b/1"
    sync
    rm -r "$top" "$top.tar"
}

# File systems: tmpfs, bind, overlay, a disk image; moved, remounted, in a mount namespace of their own.
work_mounts() {
    local top=/tmp/mounts$RANDOM
    mkdir -p "$top"/{tmpfs,bind,disk,low,up}
    mount -t tmpfs none "$top/tmpfs"
    mkdir "$top/tmpfs"/{up,work}
    mount --bind "$top/tmpfs" "$top/bind"
    work_files "$top/bind"
    mount -t overlay none -o "lowerdir=$top/low,upperdir=$top/tmpfs/up,workdir=$top/tmpfs/work" "$top/up" && {
        work_files "$top/up"
        umount "$top/up"
    }
    mount -o remount,ro "$top/tmpfs"
    umount "$top/bind"
    umount "$top/tmpfs"
    truncate -s 8M "$top/image"
    mke2fs -F -q "$top/image" > /dev/null
    mount -o loop -t ext4 "$top/image" "$top/disk" && {
        work_files "$top/disk"
        umount "$top/disk"
    }
    busybox unshare -m bash -c "mount -t tmpfs none $top/disk && mkdir $top/disk/x && mount --move $top/disk $top/low"
    rm -r "$top"
}

# Processes: pipes, signals, address spaces, cgroups, what /proc and /sys say.
work_processes() {
    local i group=/sys/fs/cgroup/work$RANDOM
    mkdir "$group"
    for i in {1..10}; do
        seq 1000 | sort -n | tail -1 > /dev/null
        sleep 100 &
        echo $! > "$group/cgroup.procs"
        kill $!
        wait $! 2> /dev/null
    done
    cat /proc/[0-9]*/{maps,status,stat,cmdline} > /dev/null 2>&1
    cat /proc/net/{dev,route,unix,tcp} /proc/{mounts,modules,meminfo,interrupts} > /dev/null
    find /sys/class /sys/module -name 'uevent' -exec cat {} + > /dev/null 2>&1
    busybox timeout 1 bash -c ': & wait'
    rmdir "$group" || true
}

# Modules: loaded, used, unloaded.
work_modules() {
    modprobe dummy numdummies=2 && ip link set dummy0 up && modprobe -r dummy
    modprobe vxlan && modprobe -r vxlan
    true
}

# Network namespaces with bridges, veth pairs and tunnels between them.
work_networks() {
    local ns=work$RANDOM
    ip netns add "$ns"
    ip link add "br-$ns" type bridge vlan_filtering 1
    ip link add "a-$ns" type veth peer name b netns "$ns"
    ip link set dev "a-$ns" master "br-$ns"
    ip link set dev "br-$ns" up
    ip link set dev "a-$ns" up
    ip -n "$ns" link set dev b up
    ip -n "$ns" address add 192.0.2.1/24 dev b
    ip -n "$ns" route add default via 192.0.2.2
    bridge vlan add dev "a-$ns" vid 10
    bridge fdb add 02:00:00:00:00:01 dev "a-$ns" master
    bridge fdb show > /dev/null
    tc qdisc add dev "a-$ns" root pfifo_fast 2> /dev/null || true
    ip -n "$ns" link set dev b name renamed 2> /dev/null || true
    ip link show > /dev/null
    ip netns exec "$ns" cat /proc/net/dev > /dev/null
    ip link del "br-$ns"
    # Takes the pair away, too.
    ip netns del "$ns"
}

# netdevsim devices: made, reloaded, moved to a namespace and back, deleted.
work_devlink() {
    local id=$((RANDOM % 1000 + 1)) ns=sim$RANDOM
    echo "$id 2" > /sys/bus/netdevsim/new_device
    devlink dev show > /dev/null
    devlink dev reload "netdevsim/netdevsim$id"
    devlink port show > /dev/null
    ip netns add "$ns"
    devlink dev reload "netdevsim/netdevsim$id" netns "$ns"
    devlink -N "$ns" dev reload "netdevsim/netdevsim$id" netns 1
    ip netns del "$ns"
    echo "$id" > /sys/bus/netdevsim/del_device
}

# ordinary_work SECONDS: all of it at once, again and again.
ordinary_work() {
    local end=$((SECONDS + $1)) rounds=0 jobs job
    while ((SECONDS < end)); do
        jobs=()
        for job in "work_files /tmp" work_mounts work_processes work_modules work_networks work_devlink work_networks "work_files /tmp"; do
            # What fails says so on the console; none of it is what is judged here.
            ( set +e; $job ) &
            jobs+=($!)
        done
        wait "${jobs[@]}"
        ((++rounds))
    done
    echo "$rounds rounds of ordinary work"
}
