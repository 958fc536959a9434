/* Prints sizes and offsets of the kernel's structures, a line each, for tests/layout.rs. */
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>

#define SIZE(t) printf(#t " %zu\n", sizeof(struct t))
#define AT(t, f) printf(#t "." #f " %zu\n", offsetof(struct t, f))
#define NUMBER(n) printf(#n " %lu\n", (unsigned long)(n))

int main(void)
{
    NUMBER(NVME_IOCTL_ADMIN_CMD);
    SIZE(nvme_passthru_cmd);
    AT(nvme_passthru_cmd, opcode);
    AT(nvme_passthru_cmd, flags);
    AT(nvme_passthru_cmd, rsvd1);
    AT(nvme_passthru_cmd, nsid);
    AT(nvme_passthru_cmd, cdw2);
    AT(nvme_passthru_cmd, cdw3);
    AT(nvme_passthru_cmd, metadata);
    AT(nvme_passthru_cmd, addr);
    AT(nvme_passthru_cmd, metadata_len);
    AT(nvme_passthru_cmd, data_len);
    AT(nvme_passthru_cmd, cdw10);
    AT(nvme_passthru_cmd, cdw11);
    AT(nvme_passthru_cmd, cdw12);
    AT(nvme_passthru_cmd, cdw13);
    AT(nvme_passthru_cmd, cdw14);
    AT(nvme_passthru_cmd, cdw15);
    AT(nvme_passthru_cmd, timeout_ms);
    AT(nvme_passthru_cmd, result);
    NUMBER(SG_IO);
    SIZE(sg_io_hdr);
    AT(sg_io_hdr, interface_id);
    AT(sg_io_hdr, dxfer_direction);
    AT(sg_io_hdr, cmd_len);
    AT(sg_io_hdr, mx_sb_len);
    AT(sg_io_hdr, iovec_count);
    AT(sg_io_hdr, dxfer_len);
    AT(sg_io_hdr, dxferp);
    AT(sg_io_hdr, cmdp);
    AT(sg_io_hdr, sbp);
    AT(sg_io_hdr, timeout);
    AT(sg_io_hdr, flags);
    AT(sg_io_hdr, pack_id);
    AT(sg_io_hdr, usr_ptr);
    AT(sg_io_hdr, status);
    AT(sg_io_hdr, masked_status);
    AT(sg_io_hdr, msg_status);
    AT(sg_io_hdr, sb_len_wr);
    AT(sg_io_hdr, host_status);
    AT(sg_io_hdr, driver_status);
    AT(sg_io_hdr, resid);
    AT(sg_io_hdr, duration);
    AT(sg_io_hdr, info);
    /* What src/sys.rs has as numbers. */
    printf("directions %d\n", SG_DXFER_TO_DEV == -2 && SG_DXFER_FROM_DEV == -3);
    return 0;
}
