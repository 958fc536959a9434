/* A SCSI or ATA drive of the guest: commands of the kernel's SCSI stack come through a ring of TCMU, security commands go
 * on to `spdm emulate --framing dmtf-emu --binding scsi|ata`, which is the drive's other half.
 *
 *   drive NUMBER scsi|ata PORT [short]      the drive user_NUMBER; returns to the shell when /dev/sgN is there, and serves on
 *
 * A short drive keeps the last byte of each SPDM message to itself, with ata the end of its last block.
 * With ata the drive is one behind a layer that translates (SAT): it says so in INQUIRY, takes ATA PASS-THROUGH (16), moves
 * whole blocks only, and its protocol list is asked for in either way. A test tool: errors end it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
/* Its struct iovec is the C library's. */
#define __LINUX_UIO_H
#include <linux/target_core_user.h>

static uint8_t *map;
static int host, is_ata, is_short, number;
static uint8_t data[1 << 20];

/* How a command ended: data for the host, or sense key and code. */
struct end {
    uint32_t len;
    uint8_t key, code;
};

static struct end good(uint32_t len)
{
    return (struct end){ .len = len };
}

static struct end illegal(uint8_t code)
{
    return (struct end){ .key = 5, .code = code };
}

static void put(int at, uint32_t value)
{
    value = htonl(value);
    memcpy(data + at, &value, 4);
}

static void whole(ssize_t (*move)(int, void *, size_t), void *bytes, size_t len)
{
    for (ssize_t n; len > 0; bytes = (char *)bytes + n, len -= n)
        if ((n = move(host, bytes, len)) <= 0)
            err(1, "the emulated device is gone");
}

static ssize_t writes(int fd, void *bytes, size_t len)
{
    return write(fd, bytes, len);
}

/* One security command over the socket: command, transport type and size, big-endian; protocol, SPSP and length, little-endian. */
static struct end forward(uint8_t protocol, uint16_t specific, int to_drive, uint32_t len)
{
    static uint8_t frame[12 + 7 + sizeof data];
    uint32_t head[3] = { htonl(to_drive ? 2 : 3), htonl(is_ata ? 5 : 3), htonl(7 + (to_drive ? len : 0)) };
    uint8_t command[7] = { protocol, specific, specific >> 8, len, len >> 8, len >> 16, len >> 24 };

    memcpy(frame, head, 12);
    memcpy(frame + 12, command, 7);
    if (to_drive)
        memcpy(frame + 19, data, len);
    whole(writes, frame, 19 + (to_drive ? len : 0));
    whole(read, frame, 14);
    if (frame[12] | frame[13])
        return illegal(frame[13]);
    if (to_drive)
        return good(0);
    whole(read, head, 12);
    if (ntohl(head[2]) > len)
        errx(1, "more than was asked for");
    whole(read, data, ntohl(head[2]));
    return good(ntohl(head[2]));
}

static struct end security(uint8_t protocol, uint16_t specific, int to_drive, uint32_t len)
{
    static const uint8_t list[] = { 0, 0, 0, 0, 0, 0, 0, 2, 0x00, 0xe8 };
    struct end end;

    if (len > sizeof data || (is_ata && len % 512 != 0))
        return illegal(0x24);
    if (protocol == 0 && specific == 0 && !to_drive) {
        memcpy(data, list, sizeof list);
        end = good(len < sizeof list ? len : sizeof list);
    } else {
        end = forward(protocol, specific, to_drive, len);
    }
    if (is_ata && end.key == 0 && !to_drive) {
        memset(data + end.len, 0, len - end.len);
        end.len = len;
    }
    /* Operation 5 is a message. */
    if (is_short && protocol == 0xe8 && specific >> 2 == 5 && end.len > 0)
        end.len -= is_ata ? 500 : 1;
    return end;
}

static struct end inquiry(const uint8_t *c)
{
    static const char *const vendor[] = { "SPDM    ", "ATA     " };

    memset(data, 0, 256);
    if (!(c[1] & 1)) {
        memcpy(data, "\0\0\6\2\x1f\0\0\2", 8);
        memcpy(data + 8, vendor[is_ata], 8);
        memcpy(data + 16, "GUEST DRIVE     1.0 ", 20);
        return good(36);
    }
    data[1] = c[2];
    switch (c[2]) {
    case 0x00:
        data[3] = 3;
        data[5] = 0x80;
        data[6] = 0x83;
        return good(7);
    case 0x80:
        data[3] = snprintf((char *)data + 4, 16, "DRIVE%d", number);
        return good(4 + data[3]);
    case 0x83:
        return good(4);
    default:
        return illegal(0x24);
    }
}

static struct end identify(void)
{
    memset(data, 0, 512);
    memcpy(data + 20, "RDVI9E          ", 16);
    memcpy(data + 54, "UGSE TRDVI E    ", 16);
    data[96] = 0x01; /* Trusted Computing */
    data[97] = 0x40;
    return good(512);
}

static struct end command(const uint8_t *c)
{
    uint32_t len = c[6] << 24 | c[7] << 16 | c[8] << 8 | c[9];

    switch (c[0]) {
    case 0x00:
        return good(0);
    case 0x12:
        return inquiry(c);
    case 0x1a:
        memcpy(data, "\3\0\0\0", 4);
        return good(4);
    case 0x5a:
        memcpy(data, "\0\6\0\0\0\0\0\0", 8);
        return good(8);
    case 0x25:
        put(0, 2047);
        put(4, 512);
        return good(8);
    case 0x28:
        len = (c[7] << 8 | c[8]) * 512;
        memset(data, 0, len);
        return good(len);
    case 0x9e:
        memset(data, 0, 32);
        put(4, 2047);
        put(8, 512);
        return good(32);
    case 0xa2:
    case 0xb5:
        return security(c[1], c[2] << 8 | c[3], c[0] == 0xb5, len);
    case 0x85:
        if (!is_ata)
            return illegal(0x20);
        if (c[14] == 0xec)
            return identify();
        if (c[14] < 0x5c || c[14] > 0x5f)
            return illegal(0x24);
        return security(c[4], c[12] << 8 | c[10], c[14] >= 0x5e, (c[8] << 8 | c[6]) * 512);
    default:
        return illegal(0x20);
    }
}

static void move(struct tcmu_cmd_entry *entry, uint8_t *bytes, uint32_t len, int out)
{
    for (uint32_t i = 0; i < entry->req.iov_cnt && len > 0; i++) {
        uint8_t *at = map + (uintptr_t)entry->req.iov[i].iov_base;
        uint32_t n = entry->req.iov[i].iov_len < len ? entry->req.iov[i].iov_len : len;

        memcpy(out ? at : bytes, out ? bytes : at, n);
        bytes += n;
        len -= n;
    }
}

static void handle(struct tcmu_cmd_entry *entry)
{
    const uint8_t *cdb = map + entry->req.cdb_off;
    uint32_t room = 0;
    struct end end;

    for (uint32_t i = 0; i < entry->req.iov_cnt; i++)
        room += entry->req.iov[i].iov_len;
    if (room > sizeof data)
        room = sizeof data;
    move(entry, data, room, 0);
    end = command(cdb);
    if (end.key != 0) {
        uint8_t sense[18] = { 0x70, 0, end.key, 0, 0, 0, 0, 10, 0, 0, 0, 0, end.code };

        memset(&entry->rsp, 0, sizeof entry->rsp);
        entry->rsp.scsi_status = 2;
        memcpy(entry->rsp.sense_buffer, sense, sizeof sense);
        return;
    }
    if (end.len > room)
        end.len = room;
    move(entry, data, end.len, 1);
    memset(&entry->rsp, 0, sizeof entry->rsp);
    if (end.len > 0) {
        entry->hdr.uflags |= TCMU_UFLAG_READ_LEN;
        entry->rsp.read_len = end.len;
    }
}

static void serve(int uio)
{
    struct tcmu_mailbox *mailbox = (void *)map;
    volatile uint32_t *head = &mailbox->cmd_head, *tail = &mailbox->cmd_tail;

    for (uint32_t count; read(uio, &count, 4) == 4;) {
        while (*tail != *head) {
            struct tcmu_cmd_entry *entry = (void *)(map + mailbox->cmdr_off + *tail);
            uint32_t len = tcmu_hdr_get_len(entry->hdr.len_op);

            if (tcmu_hdr_get_op(entry->hdr.len_op) == TCMU_OP_CMD)
                handle(entry);
            else if (tcmu_hdr_get_op(entry->hdr.len_op) != TCMU_OP_PAD)
                entry->hdr.uflags |= TCMU_UFLAG_UNKNOWN_OP;
            __sync_synchronize();
            *tail = (*tail + len) % mailbox->cmdr_size;
        }
        count = 0;
        if (write(uio, &count, 4) != 4)
            err(1, "uio");
    }
}

static char path[256];

static char *at(const char *form, ...)
{
    va_list list;

    va_start(list, form);
    vsnprintf(path, sizeof path, form, list);
    va_end(list);
    return path;
}

static void say(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        err(1, "%s", file);
    close(fd);
}

static int ring(void)
{
    char name[64], wanted[64];

    snprintf(wanted, sizeof wanted, "tcm-user/%d/spdm/", number);
    for (int i = 0; i < 16; i++) {
        FILE *file = fopen(at("/sys/class/uio/uio%d/name", i), "r");

        if (file == NULL || fgets(name, sizeof name, file) == NULL || strncmp(name, wanted, strlen(wanted)) != 0)
            continue;
        fclose(file);
        file = fopen(at("/sys/class/uio/uio%d/maps/map0/size", i), "r");
        if (file == NULL || fgets(name, sizeof name, file) == NULL)
            errx(1, "no map");
        fclose(file);
        int uio = open(at("/dev/uio%d", i), O_RDWR);
        map = mmap(NULL, strtoul(name, NULL, 0), PROT_READ | PROT_WRITE, MAP_SHARED, uio, 0);
        if (map == MAP_FAILED)
            err(1, "%s", path);
        return uio;
    }
    errx(1, "no ring of drive %d", number);
}

#define TARGET "/sys/kernel/config/target"

int main(int argc, char **argv)
{
    struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char backstore[128], unit[256], nexus[32];
    int on = 1, uio;

    if (argc != 4 && argc != 5)
        errx(2, "drive NUMBER scsi|ata PORT [short]");
    number = atoi(argv[1]);
    is_ata = strcmp(argv[2], "ata") == 0;
    is_short = argc == 5;
    port.sin_port = htons(atoi(argv[3]));
    host = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(host, (void *)&port, sizeof port) < 0)
        err(1, "port %s", argv[3]);
    setsockopt(host, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    mkdir(at(TARGET "/core/user_%d", number), 0755);
    snprintf(backstore, sizeof backstore, TARGET "/core/user_%d/spdm", number);
    if (mkdir(backstore, 0755) < 0)
        err(1, "%s", backstore);
    say(at("%s/control", backstore), "dev_config=spdm/drive,dev_size=1048576,hw_block_size=512,nl_reply_supported=-1");
    say(at("%s/enable", backstore), "1");
    uio = ring();
    if (fork() == 0) {
        serve(uio);
        _exit(1);
    }
    /* The link scans the unit: the ring has to be served by now. */
    mkdir(TARGET "/loopback", 0755);
    snprintf(unit, sizeof unit, TARGET "/loopback/naa.600140500000000%d", number);
    mkdir(unit, 0755);
    strcat(unit, "/tpgt_1");
    if (mkdir(unit, 0755) < 0)
        err(1, "%s", unit);
    snprintf(nexus, sizeof nexus, "naa.600140500000100%d", number);
    say(at("%s/nexus", unit), nexus);
    strcat(unit, "/lun/lun_0");
    mkdir(unit, 0755);
    if (symlink(backstore, at("%s/virt", unit)) < 0)
        err(1, "%s", path);
    return 0;
}
