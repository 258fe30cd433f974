# What /proc and nvidia-smi say, as lines of protocol 1; see shell.sh, which runs it.
# In: "t" at a tick; rows of nvidia-smi; "x CODE" when that ended; "p ROW" of its processes and
# "p end" after the last; "u UID NAME" for a user that was asked for. What cannot be told is null.
BEGIN {
    MIB = 1048576
    split("MemTotal MemAvailable Buffers Cached SReclaimable SwapTotal SwapFree", wanted, " ")
    for (i in wanted) memory_keys[wanted[i] ":"] = 1
    mark(disks, is_disk); mark(interfaces, is_interface)
    problems[4] = "no permission to use the NVIDIA devices"; problems[9] = "driver not loaded"
    problems[12] = "no driver"; problems[15] = "GPU lost: reset or reboot"
    problems[18] = "driver/library mismatch: reboot"
    sees_all = word("/proc/2/comm") == "kthreadd"
    read_stat()
    booted_first = booted; began = uptime()
    say(hello())
}

$1 == "t" { if (sequence++ == 0) read_passwd(); say(sample()) }
$1 == "u" { names[$2] = $3 }
$1 == "x" { ended($2) }
$1 == "p" { gpu_process(substr($0, 3)) }
/^GPU-[0-9a-f-]+, / { gpu_row($0) }
$1 !~ /^([tuxp]|GPU-.*)$/ { words = $0 }

function mark(list, into,    parts, i) { split(list, parts, " "); for (i in parts) into[parts[i]] = 1 }

function say(message) { print nonce " " message; fflush() }

# JSON. Names of strangers keep what is printable ASCII.
function text(value) {
    gsub(/[^ -~]/, "?", value); gsub(/\\/, "?", value); gsub(/"/, "\047", value)
    return value == "" ? "null" : "\"" value "\""
}
function whole(value) { return value == "" ? "null" : sprintf("%.0f", value) }
function real(value) { return value == "" ? "null" : sprintf("%.4f", value) }
function list(a, b) { return a == "" ? b : a "," b }

function word(file,    line) { if ((getline line < file) <= 0) line = ""; close(file); return line }
function after(file, key,    line, found) {
    while (found == "" && (getline line < file) > 0)
        if (index(line, key) == 1) { found = line; sub(/^[^:=]*[:=] */, "", found) }
    close(file)
    gsub(/^"|"$/, "", found)
    return found
}
function uptime(    parts) { split(word("/proc/uptime"), parts, " "); return parts[1] }
# The boot time moves when the clock is set.
function now() { return epoch + (up - began) + (booted - booted_first) }

function hello() {
    up = began
    return "{\"type\":\"hello\",\"protocol\":1,\"python\":null,\"shell\":true,\"simulated\":false" \
        ",\"interval_seconds\":" real(interval) ",\"time\":" real(now()) \
        ",\"hostname\":" text(word("/proc/sys/kernel/hostname")) \
        ",\"kernel\":" text(word("/proc/sys/kernel/osrelease")) \
        ",\"os\":" text(after("/etc/os-release", "PRETTY_NAME=")) \
        ",\"machine_id\":" text(word("/etc/machine-id")) \
        ",\"boot_id\":" text(word("/proc/sys/kernel/random/boot_id")) \
        ",\"cpu_model\":" text(after("/proc/cpuinfo", "model name")) \
        ",\"hidden_processes\":" hidden() "}"
}
function hidden(    line, f, found) {
    while ((getline line < "/proc/self/mounts") > 0)
        if (split(line, f, " ") > 3 && f[2] == "/proc") found = f[4] ~ /hidepid=/
    close("/proc/self/mounts")
    return found == "" ? "null" : found && word("/proc/1/stat") == "" ? "true" : "false"
}

function sample(    message) {
    up = uptime()
    read_stat()
    message = "{\"type\":\"sample\",\"sequence\":" (sequence - 1) ",\"time\":" real(now()) \
        ",\"monotonic\":" real(up) ",\"uptime\":" real(up) ",\"cpu_count\":" whole(cores) \
        ",\"cpu\":" cpu ",\"load\":" load() "," memory() ",\"swap\":" swapped() \
        ",\"pressure\":" pressures() "," disk_counters() "," network_counters() gpus()
    if (up >= next_slow) { next_slow = up + 60; message = message filesystems() }
    if (up >= next_scan) { next_scan = up + (scanned == "" ? 2 : 10); message = message scan() }
    return message ",\"users_logged_in\":" whole(logged_in) ",\"process_count\":" whole(count) \
        ",\"process_states\":" (count == "" ? "null" : "[" zombies "," blocked "]") "}"
}

function read_stat(    line, f, i, sum, idle, found) {
    cores = 0; cpu = "null"; found = ""
    while ((getline line < "/proc/stat") > 0) {
        split(line, f, " ")
        if (f[1] == "cpu") {
            f[2] -= f[10]; f[3] -= f[11]; cpu = ""
            for (i = 2; i <= 9; i++) cpu = list(cpu, sprintf("%.2f", f[i] / hertz))
            cpu = "[" cpu "]"
        } else if (f[1] ~ /^cpu[0-9]/) {
            sum = 0; cores++
            for (i = 2; i <= 9; i++) sum += f[i]
            idle = f[5] + f[6]
            if (f[1] in core_sum && sum > core_sum[f[1]])
                found = list(found, percent(1 - (idle - core_idle[f[1]]) / (sum - core_sum[f[1]])))
            core_sum[f[1]] = sum; core_idle[f[1]] = idle
        } else if (f[1] == "btime") booted = f[2]
    }
    close("/proc/stat")
    core_use = found
}
function percent(share) { return int(100 * (share < 0 ? 0 : share > 1 ? 1 : share)) }

function load(    f) {
    return split(word("/proc/loadavg"), f, " ") < 3 ? "null" : "[" f[1] "," f[2] "," f[3] "]"
}

function memory(    line, f, m, cached) {
    while ((getline line < "/proc/meminfo") > 0) {
        split(line, f, " ")
        if (f[1] in memory_keys) m[f[1]] = f[2] * 1024
    }
    close("/proc/meminfo")
    cached = "Cached:" in m ? m["Buffers:"] + m["Cached:"] + m["SReclaimable:"] : ""
    return "\"memory\":{\"total\":" whole(m["MemTotal:"]) ",\"available\":" \
        whole(m["MemAvailable:"]) ",\"cached\":" whole(cached) ",\"swap_total\":" \
        whole(m["SwapTotal:"]) ",\"swap_free\":" whole(m["SwapFree:"]) "}"
}

function swapped(    line, f, into, out) {
    while ((getline line < "/proc/vmstat") > 0) {
        split(line, f, " ")
        if (f[1] == "pswpin") into = f[2] * page
        if (f[1] == "pswpout") out = f[2] * page
    }
    close("/proc/vmstat")
    return "[" whole(into) "," whole(out) "]"
}

function pressures(    found, n, parts, i) {
    found = pressure("cpu", 1) "," pressure("memory", 2) "," pressure("io", 2)
    return found ~ /[0-9]/ ? "[" found "]" : "null"
}
function pressure(name, rows,    file, line, f, found, n) {
    file = "/proc/pressure/" name
    for (n = 0; n < rows && (getline line < file) > 0; n++) {
        split(line, f, /[ =]/)
        found = list(found, f[3] / 100)
    }
    close(file)
    for (; n < rows; n++) found = list(found, "null")
    return found
}

function disk_counters(    line, f, rows, read, written, reads, writes) {
    read = written = reads = writes = 0
    while ((getline line < "/proc/diskstats") > 0) {
        if (split(line, f, " ") < 13 || !(f[3] in is_disk)) continue
        read += f[6] * 512; written += f[10] * 512; reads += f[4]; writes += f[8]
        rows = list(rows, "[" text(f[3]) "," whole(f[6] * 512) "," whole(f[10] * 512) "," \
            whole(f[4]) "," whole(f[8]) "," whole(f[7] + f[11]) "," whole(f[13]) "]")
    }
    close("/proc/diskstats")
    return "\"disk\":[" whole(read) "," whole(written) "],\"disk_operations\":[" whole(reads) "," \
        whole(writes) "]" (up >= next_scan ? ",\"disks\":[" rows "]" : "") \
        (core_use == "" ? "" : ",\"cores\":[" core_use "]")
}

function network_counters(    line, f, name, rows, received, sent, errors) {
    received = sent = errors = 0
    while ((getline line < "/proc/net/dev") > 0) {
        if (split(line, f, /[: ]+/) < 14 || line ~ /[|]/) continue
        name = line; sub(/:.*/, "", name); sub(/^ +/, "", name)
        sub(/^[^:]*: */, "", line); split(line, f, " ")
        if (name == "lo") continue
        received += f[1]; sent += f[9]; errors += f[3] + f[11]
        if (name in is_interface)
            rows = list(rows, "[" text(name) "," whole(f[1]) "," whole(f[9]) "," \
                whole(f[3] + f[11]) "," whole(f[4] + f[12]) "]")
    }
    close("/proc/net/dev")
    return "\"network\":[" whole(received) "," whole(sent) "],\"network_errors\":" whole(errors) \
        (up >= next_scan ? ",\"interfaces\":[" rows "]" : "")
}

# Local file systems by df, which is not asked of others: those can hang.
function filesystems(    line, f, kinds, mounts, rows, command) {
    while ((getline line < "/proc/self/mounts") > 0) {
        split(line, f, " ")
        if (f[3] !~ /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|bcachefs|ntfs3)$/) 
            if (f[3] != "overlay" || f[2] != "/") continue
        if (f[1] in kinds || f[2] !~ /^[A-Za-z0-9_.\/+-]+$/) continue
        kinds[f[1]] = f[3]; mounts = mounts " " f[2]; kind_of[f[2]] = f[3]
    }
    close("/proc/self/mounts")
    if (mounts == "") return ",\"filesystems\":[]"
    command = "df -Pk" mounts " 2>/dev/null"
    while ((command | getline line) > 0)
        if (split(line, f, " ") >= 6 && f[6] in kind_of && f[2] > 0)
            rows = list(rows, "[" text(f[6]) "," text(kind_of[f[6]]) "," whole(f[2] * 1024) "," \
                whole(f[3] * 1024) "," whole(f[4] * 1024) "]")
    close(command)
    return ",\"filesystems\":[" rows "]"
}
