/* A libnvidia-ml.so.1 that reads its GPUs from a text file, for tests without a GPU.
 *
 * The file is named by FAKE_NVML_CONFIG and read again when it changes. A line is one of
 *   gpus=8                      how many devices there are
 *   [gpu.N.]key=value           uuid name util mem_util total used reserved power limit temp clock
 *                               ecc remap_pending remap_failed xid; "NA" makes it NOT_SUPPORTED,
 *                               and so of all that is below with a default
 *   [gpu.N.]field.F=value       a field value (82: memory temperature), NA unless given
 *   [gpu.N.]nvlinks=18          NVLinks that are up
 *   [gpu.N.]mig=3               MIG mode with 3 parts; part P is GPU 1000 * (P + 1) + N
 *   [gpu.N.]sm=pid:percent      a sample of the use of a process; may be repeated
 *   [gpu.N.]proc=pid:bytes      a compute process; "NA" bytes cannot be told; may be repeated
 *   [gpu.N.]error.<symbol>=15   that function returns this code
 *   delay_us.<symbol>=50000     that function takes this long; -1 hangs until the file changes
 * Written from the public documentation of NVML; it holds nothing of NVIDIA's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES 4096
enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT = 7, TIMEOUT = 10,
       PARTS = 1000 };
typedef unsigned int uint;
typedef unsigned long long ull;

static char lines[LINES][160];
static int line_count;
static struct timespec read_at;
static int xid_told[64];

static void reread(void) {
    const char *path = getenv("FAKE_NVML_CONFIG");
    struct stat info;
    if (!path || stat(path, &info)) { line_count = 0; return; }
    if (info.st_mtim.tv_sec == read_at.tv_sec && info.st_mtim.tv_nsec == read_at.tv_nsec) return;
    FILE *file = fopen(path, "r");
    if (!file) return;
    read_at = info.st_mtim;
    for (line_count = 0; line_count < LINES && fgets(lines[line_count], 160, file); line_count++)
        lines[line_count][strcspn(lines[line_count], "\n")] = 0;
    fclose(file);
}

/* The last value of a key; one of gpu.N stands over one of all. Device -1: no device. */
static const char *find(int gpu, const char *key) {
    char own[96];
    const char *general = 0, *special = 0;
    size_t length = strlen(key), own_length;
    own_length = (size_t)snprintf(own, sizeof own, "gpu.%d.%s", gpu, key);
    for (int i = 0; i < line_count; i++) {
        if (!strncmp(lines[i], key, length) && lines[i][length] == '=') general = lines[i] + length + 1;
        if (!strncmp(lines[i], own, own_length) && lines[i][own_length] == '=')
            special = lines[i] + own_length + 1;
    }
    return special ? special : general;
}

static int enter(const char *symbol, int gpu) {
    char key[96];
    reread();
    snprintf(key, sizeof key, "delay_us.%s", symbol);
    const char *delay = find(gpu, key);
    while (delay && atoi(delay) < 0) { usleep(20000); reread(); delay = find(gpu, key); }
    if (delay) usleep((useconds_t)atoi(delay));
    snprintf(key, sizeof key, "error.%s", symbol);
    const char *code = find(gpu, key);
    return code ? atoi(code) : OK;
}

static int number(int gpu, const char *key, ull fallback, ull *value) {
    const char *said = find(gpu, key);
    if (said && !strcmp(said, "NA")) return NOT_SUPPORTED;
    *value = said ? strtoull(said, 0, 10) : fallback;
    return OK;
}

/* Handles are the index plus one, so that none is null. */
#define GPU(handle) ((int)(size_t)(handle)-1)
#define ENTER(handle) int gpu = GPU(handle), code = enter(__func__, gpu); if (code) return code
#define UINT(function, key, fallback)                                                  \
    int function(void *device, uint *out) {                                            \
        ull value; ENTER(device);                                                      \
        if (gpu >= PARTS) return NOT_SUPPORTED;                                        \
        if (!(code = number(gpu, key, fallback, &value))) *out = (uint)value;          \
        return code; }

int nvmlInitWithFlags(uint flags) { (void)flags; return enter(__func__, -1); }
int nvmlInit_v2(void) { return enter(__func__, -1); }
int nvmlShutdown(void) { return enter(__func__, -1); }
const char *nvmlErrorString(int code) { (void)code; return "an error of the fake driver"; }
int nvmlSystemGetDriverVersion(char *out, uint size) {
    int code = enter(__func__, -1); if (code) return code;
    const char *said = find(-1, "driver"); snprintf(out, size, "%s", said ? said : "999.00");
    return OK; }
int nvmlDeviceGetCount_v2(uint *out) {
    int code = enter(__func__, -1); if (code) return code;
    const char *said = find(-1, "gpus"); *out = said ? (uint)atoi(said) : 0;
    return OK; }
int nvmlDeviceGetHandleByIndex_v2(uint index, void **out) {
    int code = enter(__func__, (int)index); if (code) return code;
    *out = (void *)(size_t)(index + 1);
    return OK; }
int nvmlDeviceGetUUID(void *device, char *out, uint size) {
    ENTER(device); const char *said = find(gpu, "uuid");
    if (said) snprintf(out, size, "%s", said);
    else snprintf(out, size, "%s-00000000-0000-0000-0000-%012d", gpu < PARTS ? "GPU" : "MIG", gpu);
    return OK; }
int nvmlDeviceGetName(void *device, char *out, uint size) {
    ENTER(device); const char *said = find(gpu, "name");
    snprintf(out, size, "%s", said ? said : "Fake GPU 80GB");
    return OK; }
int nvmlDeviceGetUtilizationRates(void *device, uint *out) {
    ull gpu_use, memory_use; ENTER(device);
    if (gpu >= PARTS) return NOT_SUPPORTED;
    if ((code = number(gpu, "util", 0, &gpu_use))) return code;
    if ((code = number(gpu, "mem_util", 0, &memory_use))) return code;
    out[0] = (uint)gpu_use; out[1] = (uint)memory_use;
    return OK; }
int nvmlDeviceGetMemoryInfo(void *device, ull *out) { /* total, free, used with the reserved */
    ull total, used, reserved; ENTER(device);
    if ((code = number(gpu, "total", 85899345920ULL, &total))) return code;
    if ((code = number(gpu, "used", 0, &used))) return code;
    number(gpu, "reserved", 629145600ULL, &reserved);
    out[0] = total; out[2] = used + reserved; out[1] = total - out[2];
    return OK; }
struct memory_v2 { uint version; ull total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *out) {
    ENTER(device);
    if ((code = number(gpu, "total", 85899345920ULL, &out->total))) return code;
    if ((code = number(gpu, "used", 0, &out->used))) return code;
    number(gpu, "reserved", 629145600ULL, &out->reserved);
    out->free = out->total - out->used - out->reserved;
    return OK; }
UINT(nvmlDeviceGetPowerUsage, "power", 60000)
UINT(nvmlDeviceGetEnforcedPowerLimit, "limit", 400000)
int nvmlDeviceGetTemperature(void *device, uint sensor, uint *out) {
    ull value; ENTER(device); (void)sensor;
    if (!(code = number(gpu, "temp", 35, &value))) *out = (uint)value;
    return code; }
int nvmlDeviceGetClockInfo(void *device, uint kind, uint *out) {
    ull value; ENTER(device);
    if (!(code = number(gpu, kind == 2 ? "mem_clock" : "clock", kind == 2 ? 1593 : 210, &value)))
        *out = (uint)value;
    return code; }
int nvmlDeviceGetMaxClockInfo(void *device, uint kind, uint *out) {
    ull value; ENTER(device);
    if (!(code = number(gpu, kind == 2 ? "mem_clock_max" : "clock_max", kind == 2 ? 2619 : 1980, &value)))
        *out = (uint)value;
    return code; }
int nvmlDeviceGetTotalEccErrors(void *device, uint kind, uint counter, ull *out) {
    static const char *keys[2][2] = {{"ecc_corrected", "ecc"},
                                     {"ecc_corrected_lifetime", "ecc_lifetime"}};
    ENTER(device);
    return number(gpu, keys[counter & 1][kind & 1], 0, out); }
int nvmlDeviceGetRemappedRows(void *device, uint *good, uint *bad, uint *pending, uint *failed) {
    ull waits, fails; ENTER(device);
    number(gpu, "remap_pending", 0, &waits); number(gpu, "remap_failed", 0, &fails);
    ull corrected, uncorrected;
    if (number(gpu, "remap_corrected", 0, &corrected)) return NOT_SUPPORTED;
    number(gpu, "remap_uncorrected", 0, &uncorrected);
    *good = (uint)corrected; *bad = (uint)uncorrected; *pending = (uint)waits; *failed = (uint)fails;
    return OK; }

int nvmlSystemGetCudaDriverVersion(int *out) {
    int code = enter(__func__, -1); ull value; if (code) return code;
    if (!(code = number(-1, "cuda", 12040, &value))) *out = (int)value;
    return code; }
struct pci { char legacy[16]; uint domain, bus, device, id, subsystem; char bus_id[32]; };
int nvmlDeviceGetPciInfo_v3(void *device, struct pci *out) {
    ENTER(device); const char *said = find(gpu, "pci");
    if (said && !strcmp(said, "NA")) return NOT_SUPPORTED;
    if (said) snprintf(out->bus_id, 32, "%s", said);
    else snprintf(out->bus_id, 32, "00000000:%02X:00.0", (uint)(gpu + 1) & 0xFF);
    return OK; }
UINT(nvmlDeviceGetPerformanceState, "pstate", 8)
UINT(nvmlDeviceGetFanSpeed, "fan", 30)
UINT(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation", 4)
UINT(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width", 16)
UINT(nvmlDeviceGetPcieReplayCounter, "pcie_replays", 0)
UINT(nvmlDeviceGetPersistenceMode, "persistence", 1)
UINT(nvmlDeviceGetComputeMode, "compute_mode", 0)
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, ull *out) {
    ENTER(device); return gpu < PARTS ? number(gpu, "throttle", 1, out) : NOT_SUPPORTED; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, ull *out) {
    ENTER(device); return gpu < PARTS ? number(gpu, "energy", 1000, out) : NOT_SUPPORTED; }
int nvmlDeviceGetPcieThroughput(void *device, uint counter, uint *out) { /* 0 sent, 1 received */
    ull value; ENTER(device);
    if (gpu >= PARTS) return NOT_SUPPORTED;
    if (!(code = number(gpu, counter ? "pcie_received" : "pcie_sent", 0, &value))) *out = (uint)value;
    return code; }
#define CODEC(function, key)                                                           \
    int function(void *device, uint *out, uint *period) {                              \
        ull value; ENTER(device); *period = 166666;                                    \
        if (!(code = number(gpu, key, 0, &value))) *out = (uint)value;                 \
        return code; }
CODEC(nvmlDeviceGetEncoderUtilization, "encoder")
CODEC(nvmlDeviceGetDecoderUtilization, "decoder")
int nvmlDeviceGetNvLinkState(void *device, uint link, uint *out) {
    ull links; ENTER(device);
    if (number(gpu, "nvlinks", 0, &links) || !links) return NOT_SUPPORTED;
    if (link >= 18) return INVALID;
    *out = link < links;
    return OK; }
struct field { uint id, scope; long long at, latency; uint type; int code; ull value; };
int nvmlDeviceGetFieldValues(void *device, int count, struct field *out) {
    ENTER(device);
    for (int i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "field.%u", out[i].id);
        out[i].type = 3; out[i].code = find(gpu, key) ? number(gpu, key, 0, &out[i].value) : NOT_SUPPORTED;
    }
    return OK; }
int nvmlDeviceGetMigMode(void *device, uint *current, uint *pending) {
    ENTER(device); if (!find(gpu, "mig")) return NOT_SUPPORTED;
    *current = *pending = 1; return OK; }
int nvmlDeviceGetMaxMigDeviceCount(void *device, uint *out) {
    ENTER(device); *out = 7; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, uint index, void **out) {
    ull parts; ENTER(device);
    if (number(gpu, "mig", 0, &parts) || index >= parts) return NOT_FOUND;
    *out = (void *)(size_t)(PARTS * (index + 1) + (uint)gpu + 1);
    return OK; }
struct sample { uint pid; ull at; uint sm, memory, encoder, decoder; };
int nvmlDeviceGetProcessUtilization(void *device, struct sample *out, uint *count, ull since) {
    static ull clock = 1;
    char own[32]; uint found = 0; ENTER(device); (void)since;
    size_t length = (size_t)snprintf(own, sizeof own, "gpu.%d.sm=", gpu);
    for (int i = 0; i < line_count; i++) {
        if (strncmp(lines[i], own, length)) continue;
        const char *said = lines[i] + length;
        if (out && found < *count) {
            memset(out + found, 0, sizeof *out);
            out[found].pid = (uint)atoi(said); out[found].at = clock++;
            out[found].sm = (uint)atoi(strchr(said, ':') + 1);
        }
        found++;
    }
    *count = found;
    return !found ? NOT_FOUND : out ? OK : INSUFFICIENT; }

struct process { uint pid; ull memory; uint instance, compute; };
static int processes(int gpu, uint *count, struct process *out) {
    char own[32];
    uint found = 0;
    size_t length = (size_t)snprintf(own, sizeof own, "gpu.%d.proc=", gpu);
    for (int i = 0; i < line_count; i++) {
        if (strncmp(lines[i], own, length)) continue;
        const char *said = lines[i] + length, *memory = strchr(said, ':');
        if (out && found < *count) {
            int hidden = !memory || !strcmp(memory, ":NA");
            out[found].pid = (uint)atoi(said);
            out[found].memory = hidden ? (ull)-1 : strtoull(memory + 1, 0, 10);
            out[found].instance = out[found].compute = 0xFFFFFFFF;
        }
        found++;
    }
    int fits = out ? found <= *count : found == 0;
    *count = found;
    return fits ? OK : INSUFFICIENT;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, uint *count, struct process *out) {
    ENTER(device); return processes(gpu, count, out); }
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, uint *count, struct process *out) {
    ENTER(device); (void)out; *count = 0; return OK; }

struct event { void *device; ull type, data; uint instance, compute; };
int nvmlEventSetCreate(void **out) { *out = (void *)1; return enter(__func__, -1); }
int nvmlDeviceRegisterEvents(void *device, ull types, void *set) {
    ENTER(device); (void)types; (void)set; return OK; }
int nvmlEventSetWait_v2(void *set, struct event *out, uint timeout_ms) {
    int code = enter(__func__, -1); if (code) return code;
    (void)set; (void)timeout_ms;
    for (int gpu = 0; gpu < 64; gpu++) {
        char key[32];
        snprintf(key, sizeof key, "gpu.%d.xid", gpu);
        const char *said = find(-1, key);
        if (!said || atoi(said) == xid_told[gpu]) continue;
        xid_told[gpu] = atoi(said);
        out->device = (void *)(size_t)(gpu + 1); out->type = 8; out->data = (ull)atoi(said);
        return OK;
    }
    return TIMEOUT; }
