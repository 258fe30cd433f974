# The rest of shell.awk: processes and GPUs.

# Processes: who has used how much since the last scan.
function scan(    line, f, command, pid, elapsed, spent, key, n, i, rows, who, rest, bytes, best) {
    logged_in = users_logged_in()
    count = zombies = blocked = n = 0
    elapsed = scanned == "" ? 0 : up - scanned
    command = "ls -ldn /proc/[0-9]* 2>/dev/null"
    while ((command | getline line) > 0) {
        split(line, f, " ")
        pid = line; sub(/.*\//, "", pid)
        if (!read_process(pid)) continue
        count++; owner[pid] = f[3]; fresh[pid] = up
        if (p_state == "Z") zombies++
        if (p_state == "D") blocked++
        key = pid " " p_start
        spent = key in spent_before ? p_ticks - spent_before[key] : p_ticks
        spent_now[key] = p_ticks
        if (elapsed > 0) {
            n++; use[n] = (spent > 0 ? spent : 0) / hertz / elapsed
            row[n] = pid; held[n] = p_pages * page; name_of[n] = p_name; start[n] = p_start
        }
    }
    close(command)
    for (key in spent_before) delete spent_before[key]
    for (key in spent_now) { spent_before[key] = spent_now[key]; delete spent_now[key] }
    for (pid in fresh) if (fresh[pid] != up) { delete fresh[pid]; delete owner[pid] }
    scanned = up
    if (elapsed <= 0) return ""
    for (i = 0; i < 10; i++) {
        best = 0
        for (pid = 1; pid <= n; pid++) if (use[pid] >= 0.001 && use[pid] > use[best]) best = pid
        if (!best) break
        rows = list(rows, "[" row[best] "," user(owner[row[best]]) "," text(name_of[best]) "," \
            real(use[best]) "," whole(held[best]) "," whole(booted + start[best] / hertz) "]")
        use[best] = -1
    }
    for (i = 1; i <= n; i++) if (use[i] >= 0) {
        who = owner[row[i]]; rest[who] += use[i]; bytes[who] += held[i]
    }
    for (who in rest) if (rest[who] >= 0.001 || bytes[who] >= 1073741824)
        rows = list(rows, "[null," user(who) ",\"\"," real(rest[who]) "," whole(bytes[who]) ",null]")
    return ",\"processes\":{\"scan_seconds\":" real(elapsed) ",\"rows\":[" rows "]}"
}

# Of /proc/PID/stat; a name may hold anything, a line end and brackets as well.
function read_process(pid,    file, line, part, f) {
    file = "/proc/" pid "/stat"
    while ((getline part < file) > 0) line = line part " "
    close(file)
    p_name = line
    if (!sub(/^[0-9]+ \(/, "", p_name) || !match(line, /.*\) /)) return 0
    if (split(substr(line, RLENGTH + 1), f, " ") < 22) return 0
    sub(/\) [^)]*$/, "", p_name)
    p_state = f[1]; p_ticks = f[12] + f[13]; p_start = f[20]; p_pages = f[22]
    return 1
}

function read_passwd(    line, f) {
    while ((getline line < "/etc/passwd") > 0) if (split(line, f, ":") > 3) names[f[3]] = f[1]
    close("/etc/passwd")
}
# A name that stands in no file is asked for aside, because a directory can hang: it comes later.
function user(uid) {
    if (uid == "") return "null"
    if (!(uid in names)) {
        names[uid] = ""
        system("exec 4>/proc/self/fd/0; (echo u " uid " $(id -nu " uid " || echo " uid \
            ")) >&4 2>/dev/null </dev/null &")
    }
    return text(names[uid])
}

function users_logged_in(    line, f, seen, n) {
    if ((getline line < "/run/utmp") < 0) return ""
    close("/run/utmp")
    while (("who 2>/dev/null" | getline line) > 0) {
        split(line, f, " ")
        if (!(f[1] in seen)) { seen[f[1]] = 1; n++ }
    }
    close("who 2>/dev/null")
    return n + 0
}

# GPUs, as nvidia-smi told them last.
function gpu_row(line,    f) {
    split(line, f, / *, */)
    if (!(f[1] in gpu_at)) order[++known] = f[1]
    gpu_at[f[1]] = gpu_told = up; gpu_line[f[1]] = line; gpu_problem = words = ""
}
function ended(code) {
    nvidia = code
    if (code != "none") gpu_problem = code in problems ? problems[code] : \
        "nvidia-smi says: " (words == "" ? "exit status " code : words)
}
function gpu_process(line,    f, described) {
    if (line == "end") {
        for (key in held_on) delete held_on[key]
        for (key in coming) { held_on[key] = coming[key]; delete coming[key] }
        processes_told = 1
    } else if (split(line, f, / *, */) == 3 && f[2] ~ /^[0-9]+$/) {
        described = describe(f[2])
        if (described == "") return
        described = "[" f[2] "," described "]"
        sub(/MEMORY/, whole(given(f[3], MIB)), described)
        coming[f[1]] = list(coming[f[1]], described)
    }
}
function describe(pid,    line, f, uid) {
    if (!read_process(pid)) return sees_all ? "" : "null,null,MEMORY,null"
    while ((getline line < ("/proc/" pid "/status")) > 0)
        if (line ~ /^Uid:/) { split(line, f, " "); uid = f[2] }
    close("/proc/" pid "/status")
    return user(uid) "," text(p_name) ",MEMORY," whole(booted + p_start / hertz)
}
function given(value, factor) { return value ~ /^[0-9.]+$/ ? value * factor : "" }

function gpus(    rows, i, f, silent, problem, fault, names_of_gpu) {
    silent = gpu_told == "" ? "" : up - gpu_told
    problem = gpu_problem
    if (problem == "" && silent > 30 + 3 * interval) problem = "nvidia-smi does not answer"
    for (i = 1; i <= known; i++) {
        split(gpu_line[order[i]], f, / *, */)
        fault = problem
        if (fault == "" && up - gpu_at[order[i]] > 30 + 3 * interval) fault = "nvidia-smi lists it no more"
        rows = list(rows, gpu(f, fault))
    }
    return ",\"gpu\":{\"problem\":" text(problem) ",\"driver\":null,\"age_seconds\":" real(silent) \
        "},\"devices\":" (known ? "[" rows "]" : nvidia == "none" ? "[]" : "null")
}
function gpu(f, fault,    known_now) {
    known_now = "{\"uuid\":" text(f[1]) ",\"index\":" whole(given(f[2], 1)) ",\"name\":" text(f[3]) \
        ",\"memory_total\":" whole(given(f[7], MIB)) ",\"fault\":" text(fault)
    if (fault != "") return known_now ",\"processes\":null}"
    sub(/P/, "", f[13])
    return known_now ",\"utilization\":" whole(given(f[4], 1)) \
        ",\"memory_utilization\":" whole(given(f[5], 1)) ",\"memory_used\":" whole(given(f[6], MIB)) \
        ",\"power\":" real(given(f[8], 1)) ",\"power_limit\":" real(given(f[9], 1)) \
        ",\"temperature\":" whole(given(f[10], 1)) ",\"sm_clock\":" whole(given(f[11], 1000000)) \
        ",\"memory_clock\":" whole(given(f[12], 1000000)) \
        ",\"performance_state\":" whole(given(f[13], 1)) \
        ",\"processes\":" (processes_told ? "[" held_on[f[1]] "]" : "null") "}"
}
