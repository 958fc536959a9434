//! The structures that the two system calls take, as the kernel's headers have them. `tests/layout.rs` compares sizes
//! and offsets with those headers.

use core::ffi::{c_int, c_uchar, c_uint, c_ushort, c_void};

/// `NVME_IOCTL_ADMIN_CMD`: `_IOWR('N', 0x41, struct nvme_passthru_cmd)`.
pub(crate) const NVME_IOCTL_ADMIN_CMD: c_uint = 0xc048_4e41;

/// `SG_IO`.
pub(crate) const SG_IO: c_uint = 0x2285;

/// `struct nvme_passthru_cmd` (linux/nvme_ioctl.h).
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct NvmePassthruCmd {
    pub(crate) opcode: u8,
    pub(crate) flags: u8,
    pub(crate) rsvd1: u16,
    pub(crate) nsid: u32,
    pub(crate) cdw2: u32,
    pub(crate) cdw3: u32,
    pub(crate) metadata: u64,
    pub(crate) addr: u64,
    pub(crate) metadata_len: u32,
    pub(crate) data_len: u32,
    pub(crate) cdw10: u32,
    pub(crate) cdw11: u32,
    pub(crate) cdw12: u32,
    pub(crate) cdw13: u32,
    pub(crate) cdw14: u32,
    pub(crate) cdw15: u32,
    pub(crate) timeout_ms: u32,
    pub(crate) result: u32,
}

/// `struct sg_io_hdr` (scsi/sg.h).
#[repr(C)]
#[derive(Debug)]
pub(crate) struct SgIoHdr {
    pub(crate) interface_id: c_int,
    pub(crate) dxfer_direction: c_int,
    pub(crate) cmd_len: c_uchar,
    pub(crate) mx_sb_len: c_uchar,
    pub(crate) iovec_count: c_ushort,
    pub(crate) dxfer_len: c_uint,
    pub(crate) dxferp: *mut c_void,
    pub(crate) cmdp: *mut c_uchar,
    pub(crate) sbp: *mut c_uchar,
    pub(crate) timeout: c_uint,
    pub(crate) flags: c_uint,
    pub(crate) pack_id: c_int,
    pub(crate) usr_ptr: *mut c_void,
    pub(crate) status: c_uchar,
    pub(crate) masked_status: c_uchar,
    pub(crate) msg_status: c_uchar,
    pub(crate) sb_len_wr: c_uchar,
    pub(crate) host_status: c_ushort,
    pub(crate) driver_status: c_ushort,
    pub(crate) resid: c_int,
    pub(crate) duration: c_uint,
    pub(crate) info: c_uint,
}
