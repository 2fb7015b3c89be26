/* A stand-in for NVIDIA's libnvidia-ml.so.1. For tests only.
 *
 * It answers from a description of a host: a file, named by the variable
 * NVML_STAND_IN, that stand_in.py makes of TOML. One "key value" a line; the
 * lines "gpu", "type", "vgpu" and "fault" begin a section. Read at nvmlInit;
 * counters of calls go on as long as the process.
 *
 * Signatures, structures and numbers are those of nvml.h. What the real
 * library decides in secret (compatibility) is decided here by a rule of our
 * own, see nvmlGetVgpuCompatibility.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    GPU_IS_LOST = 15,
};

enum { GPUS = 32, TYPES = 1024, VGPUS = 1024, FAULTS = 64, TEXT = 96 };

typedef long long number; /* -1: NVML says "not supported" */

struct host {
    char driver[80];
    number accepts_min, accepts_max; /* major versions of other hosts */
    number range_min, range_max;     /* vGPU versions of guests */
};

struct gpu {
    char bus_id[TEXT], name[TEXT], part[TEXT], board[32];
    number pci_id, subsystem_id, memory;
    number ecc, mig, mode, streaming, read_mb_s, write_mb_s;
    number migratable, metadata_bytes, metadata_grows;
    number lost_after; /* calls; 0: never */
};

struct type {
    number gpu, id, framebuffer, reserved, most, creatable;
    char name[64];
};

struct vgpu {
    number gpu, id, type, vm_id_type, framebuffer_used;
    char vm_id[80], guest_driver[80];
    number guest_known, guest_version, migratable;
    number metadata_bytes, metadata_grows;
    number appears, vanishes; /* nth listing of the GPU's vGPUs; 0: never */
};

struct fault {
    char function[TEXT];
    number gpu, code, hang_ms;
    number first, last; /* calls of the function; last 0: for ever */
};

static struct host host;
static struct gpu gpus[GPUS];
static struct type types[TYPES];
static struct vgpu vgpus[VGPUS];
static struct fault faults[FAULTS];
static int n_gpus, n_types, n_vgpus, n_faults, opened;
static number gpu_calls[GPUS], listings[GPUS], fault_calls[FAULTS];
static number gpu_refusals[GPUS], vgpu_refusals[VGPUS];
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* ---- the description */

struct key {
    const char *name;
    size_t offset, text; /* text: size of a string, 0: a number */
};

#define NUMBER(of, field) {#field, offsetof(struct of, field), 0}
#define STRING(of, field) \
    {#field, offsetof(struct of, field), sizeof(((struct of *)0)->field)}

static const struct key host_keys[] = {
    STRING(host, driver), NUMBER(host, accepts_min),
    NUMBER(host, accepts_max), NUMBER(host, range_min),
    NUMBER(host, range_max), {0}};
static const struct key gpu_keys[] = {
    STRING(gpu, bus_id), STRING(gpu, name), STRING(gpu, part),
    STRING(gpu, board), NUMBER(gpu, pci_id), NUMBER(gpu, subsystem_id),
    NUMBER(gpu, memory), NUMBER(gpu, ecc), NUMBER(gpu, mig),
    NUMBER(gpu, mode), NUMBER(gpu, streaming), NUMBER(gpu, read_mb_s),
    NUMBER(gpu, write_mb_s), NUMBER(gpu, migratable),
    NUMBER(gpu, metadata_bytes), NUMBER(gpu, metadata_grows),
    NUMBER(gpu, lost_after), {0}};
static const struct key type_keys[] = {
    NUMBER(type, id), STRING(type, name), NUMBER(type, framebuffer),
    NUMBER(type, reserved), NUMBER(type, most), NUMBER(type, creatable), {0}};
static const struct key vgpu_keys[] = {
    NUMBER(vgpu, id), NUMBER(vgpu, type), STRING(vgpu, vm_id),
    NUMBER(vgpu, vm_id_type), NUMBER(vgpu, framebuffer_used),
    STRING(vgpu, guest_driver), NUMBER(vgpu, guest_known),
    NUMBER(vgpu, guest_version), NUMBER(vgpu, migratable),
    NUMBER(vgpu, metadata_bytes), NUMBER(vgpu, metadata_grows),
    NUMBER(vgpu, appears), NUMBER(vgpu, vanishes), {0}};
static const struct key fault_keys[] = {
    STRING(fault, function), NUMBER(fault, gpu), NUMBER(fault, code),
    NUMBER(fault, hang_ms), NUMBER(fault, first), NUMBER(fault, last), {0}};

struct section {
    char *at;
    const struct key *keys;
};

static void forget(void)
{
    memset(&host, 0, sizeof(host));
    memset(gpus, 0, sizeof(gpus));
    memset(types, 0, sizeof(types));
    memset(vgpus, 0, sizeof(vgpus));
    memset(faults, 0, sizeof(faults));
    n_gpus = n_types = n_vgpus = n_faults = 0;
}

/* Begin a section, where the line begins one. */
static int begin(const char *line, struct section *now)
{
    if (!strcmp(line, "gpu") && n_gpus < GPUS) {
        *now = (struct section){(char *)&gpus[n_gpus++], gpu_keys};
    } else if (!strcmp(line, "type") && n_types < TYPES) {
        types[n_types].gpu = n_gpus - 1;
        *now = (struct section){(char *)&types[n_types++], type_keys};
    } else if (!strcmp(line, "vgpu") && n_vgpus < VGPUS) {
        vgpus[n_vgpus].gpu = n_gpus - 1;
        *now = (struct section){(char *)&vgpus[n_vgpus++], vgpu_keys};
    } else if (!strcmp(line, "fault") && n_faults < FAULTS) {
        *now = (struct section){(char *)&faults[n_faults++], fault_keys};
    } else {
        return 0;
    }
    return 1;
}

static void set(const struct section *now, const char *line)
{
    const char *space = strchr(line, ' ');
    size_t length = space ? (size_t)(space - line) : strlen(line);
    const struct key *key = now->keys;
    while (key->name && (strlen(key->name) != length ||
                         strncmp(key->name, line, length)))
        key++;
    if (!key->name || !space) {
        fprintf(stderr, "NVML stand-in: unknown line: %s\n", line);
    } else if (key->text) {
        snprintf(now->at + key->offset, key->text, "%s", space + 1);
    } else {
        *(number *)(now->at + key->offset) = strtoll(space + 1, NULL, 0);
    }
}

static int read_description(void)
{
    const char *path = getenv("NVML_STAND_IN");
    FILE *file = path ? fopen(path, "r") : NULL;
    struct section now = {(char *)&host, host_keys};
    char line[512];
    if (!file)
        return DRIVER_NOT_LOADED;
    forget();
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] && !begin(line, &now))
            set(&now, line);
    }
    fclose(file);
    return SUCCESS;
}

/* ---- faults */

static void hang(number ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left))
        ;
}

/* What every call does first: gpu -1 for a call that is about none. */
static int enter(const char *function, int gpu)
{
    for (int i = 0; i < n_faults; i++) {
        struct fault *fault = &faults[i];
        if (strcmp(fault->function, function) ||
            (fault->gpu >= 0 && fault->gpu != gpu))
            continue;
        number call = __atomic_add_fetch(&fault_calls[i], 1, 5);
        if (call < fault->first || (fault->last && call > fault->last))
            continue;
        if (fault->hang_ms)
            hang(fault->hang_ms);
        if (fault->code)
            return (int)fault->code;
    }
    if (strncmp(function, "nvmlInit", 8) && !opened)
        return UNINITIALIZED;
    if (gpu >= 0 && gpus[gpu].lost_after &&
        __atomic_add_fetch(&gpu_calls[gpu], 1, 5) > gpus[gpu].lost_after)
        return GPU_IS_LOST;
    return SUCCESS;
}

#define ENTER(gpu) \
    do { \
        int code = enter(__func__, gpu); \
        if (code != SUCCESS) \
            return code; \
    } while (0)

static int index_of(const struct gpu *gpu)
{
    return gpu >= gpus && gpu < gpus + n_gpus ? (int)(gpu - gpus) : -1;
}

#define ENTER_GPU(gpu) \
    do { \
        if (index_of(gpu) < 0) \
            return opened ? INVALID_ARGUMENT : UNINITIALIZED; \
        ENTER(index_of(gpu)); \
    } while (0)

/* ---- helpers */

static int put_text(char *to, unsigned size, const char *from)
{
    if (strlen(from) + 1 > size)
        return INSUFFICIENT_SIZE;
    strcpy(to, from);
    return SUCCESS;
}

static int put(unsigned *to, number value)
{
    if (value < 0)
        return NOT_SUPPORTED;
    *to = (unsigned)value;
    return SUCCESS;
}

static int put_ids(unsigned *count, unsigned *ids, const unsigned *from,
                   unsigned n)
{
    unsigned room = *count;
    *count = n;
    if (n == 0)
        return SUCCESS;
    if (room < n || !ids)
        return INSUFFICIENT_SIZE;
    memcpy(ids, from, n * sizeof(*ids));
    return SUCCESS;
}

static struct type *find_type(unsigned id)
{
    for (int i = 0; i < n_types; i++)
        if (types[i].id == id)
            return &types[i];
    return NULL;
}

static int is_there(const struct vgpu *vgpu)
{
    number now = listings[vgpu->gpu];
    return now >= vgpu->appears && (!vgpu->vanishes || now < vgpu->vanishes);
}

static struct vgpu *find_vgpu(unsigned id)
{
    for (int i = 0; i < n_vgpus; i++)
        if (vgpus[i].id == id && is_there(&vgpus[i]))
            return &vgpus[i];
    return NULL;
}

#define ENTER_VGPU(vgpu) \
    do { \
        ENTER((vgpu) ? (int)(vgpu)->gpu : -1); \
        if (!(vgpu)) \
            return NOT_FOUND; \
    } while (0)

/* ---- library and system */

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    pthread_mutex_lock(&opening);
    int code = opened ? SUCCESS : read_description();
    pthread_mutex_unlock(&opening);
    if (code == SUCCESS)
        code = enter(__func__, -1);
    if (code == SUCCESS)
        __atomic_add_fetch(&opened, 1, 5);
    return code;
}

int nvmlInit_v2(void)
{
    return nvmlInitWithFlags(0);
}

int nvmlShutdown(void)
{
    ENTER(-1);
    __atomic_sub_fetch(&opened, 1, 5);
    return SUCCESS;
}

const char *nvmlErrorString(int code)
{
    static const char *texts[] = {
        "Success", "Uninitialized", "Invalid Argument", "Not Supported",
        "Insufficient Permissions", "Already Initialized", "Not Found",
        "Insufficient Size", "Insufficient External Power",
        "Driver Not Loaded", "Timeout", "Interrupt Request Issue",
        "NVML Shared Library Not Found", "Function Not Found",
        "Corrupted infoROM", "GPU is lost", "GPU requires reset",
        "The operating system has blocked the request",
        "RM has detected an NVML/RM version mismatch", "In use by another"};
    int known = code >= 0 && code < (int)(sizeof(texts) / sizeof(*texts));
    return known ? texts[code] : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char *version, unsigned size)
{
    ENTER(-1);
    return put_text(version, size, host.driver);
}

struct range {
    unsigned min, max;
};

int nvmlGetVgpuVersion(struct range *supported, struct range *current)
{
    ENTER(-1);
    *supported = (struct range){host.range_min, host.range_max};
    *current = *supported;
    return SUCCESS;
}

/* ---- GPUs */

int nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER(-1);
    *count = n_gpus;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct gpu **gpu)
{
    if (index >= (unsigned)n_gpus)
        return opened ? INVALID_ARGUMENT : UNINITIALIZED;
    ENTER(index);
    *gpu = &gpus[index];
    return SUCCESS;
}

struct bus_address {
    unsigned domain, bus, device;
};

static int address_of(const char *text, struct bus_address *of)
{
    return sscanf(text, "%x:%x:%x", &of->domain, &of->bus, &of->device) == 3;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *text, struct gpu **gpu)
{
    struct bus_address wanted, has;
    ENTER(-1);
    for (int i = 0; address_of(text, &wanted) && i < n_gpus; i++)
        if (address_of(gpus[i].bus_id, &has) &&
            !memcmp(&wanted, &has, sizeof(has))) {
            ENTER(i);
            *gpu = &gpus[i];
            return SUCCESS;
        }
    return NOT_FOUND;
}

struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem_id;
    char bus_id[32];
};

int nvmlDeviceGetPciInfo_v3(struct gpu *gpu, struct pci *pci)
{
    struct bus_address at = {0};
    ENTER_GPU(gpu);
    memset(pci, 0, sizeof(*pci));
    address_of(gpu->bus_id, &at);
    pci->domain = at.domain;
    pci->bus = at.bus;
    pci->device = at.device;
    pci->id = gpu->pci_id;
    pci->subsystem_id = gpu->subsystem_id;
    snprintf(pci->bus_id, sizeof(pci->bus_id), "%08X:%02X:%02X.0",
             at.domain & 0xffff, at.bus & 0xff, at.device & 0x1f);
    return SUCCESS;
}

int nvmlDeviceGetName(struct gpu *gpu, char *name, unsigned size)
{
    ENTER_GPU(gpu);
    return put_text(name, size, gpu->name);
}

int nvmlDeviceGetBoardPartNumber(struct gpu *gpu, char *part, unsigned size)
{
    ENTER_GPU(gpu);
    return gpu->part[0] ? put_text(part, size, gpu->part) : NOT_SUPPORTED;
}

struct memory {
    unsigned long long total, free, used;
};

int nvmlDeviceGetMemoryInfo(struct gpu *gpu, struct memory *memory)
{
    ENTER_GPU(gpu);
    *memory = (struct memory){gpu->memory, gpu->memory, 0};
    return SUCCESS;
}

int nvmlDeviceGetEccMode(struct gpu *gpu, unsigned *now, unsigned *later)
{
    ENTER_GPU(gpu);
    put(later, gpu->ecc);
    return put(now, gpu->ecc);
}

int nvmlDeviceGetMigMode(struct gpu *gpu, unsigned *now, unsigned *later)
{
    ENTER_GPU(gpu);
    put(later, gpu->mig);
    return put(now, gpu->mig);
}

int nvmlDeviceGetHostVgpuMode(struct gpu *gpu, unsigned *mode)
{
    ENTER_GPU(gpu);
    return put(mode, gpu->mode);
}

int nvmlDeviceGetVgpuCapabilities(struct gpu *gpu, unsigned capability,
                                  unsigned *result)
{
    ENTER_GPU(gpu);
    switch (capability) {
    case 3: /* NVML_DEVICE_VGPU_CAP_READ_DEVICE_BUFFER_BW */
        return put(result, gpu->read_mb_s);
    case 4: /* NVML_DEVICE_VGPU_CAP_WRITE_DEVICE_BUFFER_BW */
        return put(result, gpu->write_mb_s);
    case 5: /* NVML_DEVICE_VGPU_CAP_DEVICE_STREAMING */
        return put(result, gpu->streaming);
    }
    return NOT_SUPPORTED;
}

/* ---- vGPU types */

static int type_ids(struct gpu *gpu, int creatable, unsigned *count,
                    unsigned *ids)
{
    unsigned found[TYPES], n = 0;
    for (int i = 0; i < n_types; i++)
        if (types[i].gpu == index_of(gpu) &&
            (!creatable || types[i].creatable))
            found[n++] = types[i].id;
    return put_ids(count, ids, found, n);
}

static int has_types(struct gpu *gpu)
{
    for (int i = 0; i < n_types; i++)
        if (types[i].gpu == index_of(gpu))
            return 1;
    return 0;
}

int nvmlDeviceGetSupportedVgpus(struct gpu *gpu, unsigned *count,
                                unsigned *ids)
{
    ENTER_GPU(gpu);
    return has_types(gpu) ? type_ids(gpu, 0, count, ids) : NOT_SUPPORTED;
}

int nvmlDeviceGetCreatableVgpus(struct gpu *gpu, unsigned *count,
                                unsigned *ids)
{
    ENTER_GPU(gpu);
    return has_types(gpu) ? type_ids(gpu, 1, count, ids) : NOT_SUPPORTED;
}

int nvmlVgpuTypeGetName(unsigned id, char *name, unsigned *size)
{
    struct type *type = find_type(id);
    ENTER(-1);
    return type ? put_text(name, *size, type->name) : INVALID_ARGUMENT;
}

int nvmlVgpuTypeGetFramebufferSize(unsigned id, unsigned long long *size)
{
    struct type *type = find_type(id);
    ENTER(-1);
    if (!type)
        return INVALID_ARGUMENT;
    *size = type->framebuffer;
    return SUCCESS;
}

int nvmlVgpuTypeGetFbReservation(unsigned id, unsigned long long *size)
{
    struct type *type = find_type(id);
    ENTER(-1);
    if (!type)
        return INVALID_ARGUMENT;
    *size = type->reserved;
    return SUCCESS;
}

int nvmlVgpuTypeGetMaxInstances(struct gpu *gpu, unsigned id, unsigned *most)
{
    struct type *type = find_type(id);
    ENTER_GPU(gpu);
    return type ? put(most, type->most) : INVALID_ARGUMENT;
}

/* ---- vGPUs */

int nvmlDeviceGetActiveVgpus(struct gpu *gpu, unsigned *count, unsigned *ids)
{
    unsigned found[VGPUS], n = 0;
    ENTER_GPU(gpu);
    if (!has_types(gpu))
        return NOT_SUPPORTED;
    __atomic_add_fetch(&listings[index_of(gpu)], 1, 5);
    for (int i = 0; i < n_vgpus; i++)
        if (vgpus[i].gpu == index_of(gpu) && is_there(&vgpus[i]))
            found[n++] = vgpus[i].id;
    return put_ids(count, ids, found, n);
}

int nvmlVgpuInstanceGetVmID(unsigned id, char *text, unsigned size,
                            unsigned *kind)
{
    struct vgpu *vgpu = find_vgpu(id);
    ENTER_VGPU(vgpu);
    *kind = vgpu->vm_id_type;
    return put_text(text, size, vgpu->vm_id);
}

int nvmlVgpuInstanceGetType(unsigned id, unsigned *type)
{
    struct vgpu *vgpu = find_vgpu(id);
    ENTER_VGPU(vgpu);
    return put(type, vgpu->type);
}

int nvmlVgpuInstanceGetFbUsage(unsigned id, unsigned long long *used)
{
    struct vgpu *vgpu = find_vgpu(id);
    ENTER_VGPU(vgpu);
    *used = vgpu->framebuffer_used;
    return SUCCESS;
}

int nvmlVgpuInstanceGetVmDriverVersion(unsigned id, char *text, unsigned size)
{
    struct vgpu *vgpu = find_vgpu(id);
    ENTER_VGPU(vgpu);
    return put_text(text, size,
                    vgpu->guest_known ? vgpu->guest_driver : "Not Available");
}

/* ---- metadata: a header of nvml.h, then what is "opaque" to callers */

struct vgpu_header {
    unsigned version, revision, guest_known;
    char guest_driver[80], host_driver[80];
    unsigned reserved[6], caps, guest_version, opaque_size;
};

struct pgpu_header {
    unsigned version, revision;
    char host_driver[80];
    unsigned caps, reserved[5], range_min, range_max, opaque_size;
};

struct opaque {
    char magic[8], board[32];
    unsigned accepts_min, accepts_max;
};

/* More of it: every seventh byte is not NUL. */
static void fill(char *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = i % 7 ? 0 : 'A' + i % 26;
}

static struct opaque opaque_of(const char *magic, const struct gpu *gpu)
{
    struct opaque opaque = {.accepts_min = host.accepts_min,
                            .accepts_max = host.accepts_max};
    snprintf(opaque.magic, sizeof(opaque.magic), "%s", magic);
    snprintf(opaque.board, sizeof(opaque.board), "%s", gpu->board);
    return opaque;
}

/* Does the caller's buffer hold it? It can grow with each refusal. */
static int fits(size_t header, number extra, number grows, number *refusals,
                unsigned *size, size_t *payload)
{
    number grown = *refusals < grows ? *refusals : grows;
    *payload = extra + 32 * grown;
    size_t needed = header + sizeof(struct opaque) + *payload;
    unsigned room = *size;
    *size = needed;
    if (room < needed)
        ++*refusals;
    return room >= needed;
}

static void put_blob(char *to, const void *header, size_t header_size,
                     struct opaque opaque, size_t payload)
{
    memcpy(to, header, header_size);
    memcpy(to + header_size, &opaque, sizeof(opaque));
    fill(to + header_size + sizeof(opaque), payload);
}

int nvmlVgpuInstanceGetMetadata(unsigned id, char *to, unsigned *size)
{
    struct vgpu *vgpu = find_vgpu(id);
    struct vgpu_header header = {.version = 1, .revision = 1};
    size_t payload;
    ENTER_VGPU(vgpu);
    if (!fits(sizeof(header), vgpu->metadata_bytes, vgpu->metadata_grows,
              &vgpu_refusals[vgpu - vgpus], size, &payload))
        return INSUFFICIENT_SIZE;
    header.guest_known = vgpu->guest_known;
    header.caps = vgpu->migratable;
    if (vgpu->guest_known) {
        strcpy(header.guest_driver, vgpu->guest_driver);
        header.guest_version = vgpu->guest_version;
    }
    strcpy(header.host_driver, host.driver);
    header.opaque_size = sizeof(struct opaque) + payload;
    put_blob(to, &header, sizeof(header),
             opaque_of("STANDIV", &gpus[vgpu->gpu]), payload);
    return SUCCESS;
}

int nvmlDeviceGetVgpuMetadata(struct gpu *gpu, char *to, unsigned *size)
{
    struct pgpu_header header = {.version = 1, .revision = 1};
    size_t payload;
    ENTER_GPU(gpu);
    if (!has_types(gpu))
        return NOT_SUPPORTED;
    if (!fits(sizeof(header), gpu->metadata_bytes, gpu->metadata_grows,
              &gpu_refusals[index_of(gpu)], size, &payload))
        return INSUFFICIENT_SIZE;
    header.caps = gpu->migratable;
    header.range_min = host.range_min;
    header.range_max = host.range_max;
    strcpy(header.host_driver, host.driver);
    header.opaque_size = sizeof(struct opaque) + payload;
    put_blob(to, &header, sizeof(header), opaque_of("STANDIP", gpu), payload);
    return SUCCESS;
}

struct compatibility {
    unsigned vm, limit;
};

/* The stand-in's rule, from the two metadata alone:
 *   another board                                  nothing,  limit GPU
 *   host driver's major version not accepted       cold,     HOST_DRIVER
 *   guest's vGPU version not in the host's range   cold,     GUEST_DRIVER
 *   one of the two cannot migrate                  cold,     OTHER
 *   else                                           all,      none
 */
int nvmlGetVgpuCompatibility(const char *vgpu, const char *pgpu,
                             struct compatibility *verdict)
{
    const struct vgpu_header *v = (const void *)vgpu;
    const struct pgpu_header *p = (const void *)pgpu;
    const struct opaque *from = (const void *)(v + 1);
    const struct opaque *to = (const void *)(p + 1);
    ENTER(-1);
    if (v->opaque_size < sizeof(*from) || strcmp(from->magic, "STANDIV") ||
        p->opaque_size < sizeof(*to) || strcmp(to->magic, "STANDIP"))
        return INVALID_ARGUMENT;
    unsigned major = strtoul(v->host_driver, NULL, 10);
    unsigned limit = 0;
    if (major < to->accepts_min || major > to->accepts_max)
        limit |= 1;
    if (v->guest_version < p->range_min || v->guest_version > p->range_max)
        limit |= 2;
    if (!(v->caps & p->caps & 1))
        limit |= 0x80000000u;
    *verdict = (struct compatibility){limit ? 1 : 15, limit};
    if (strcmp(from->board, to->board))
        *verdict = (struct compatibility){0, 4};
    return SUCCESS;
}

int nvmlDeviceGetPgpuMetadataString(struct gpu *gpu, char *to, unsigned *size)
{
    ENTER_GPU(gpu);
    unsigned room = *size;
    *size = 16;
    if (room < *size)
        return INSUFFICIENT_SIZE;
    memcpy(to, "stand\0in\0string", 16);
    return SUCCESS;
}
