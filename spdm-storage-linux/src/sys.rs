//! The two system calls, `NVME_IOCTL_ADMIN_CMD` and `SG_IO`: the only unsafe code of the workspace.
//!
//! Both take a structure with the addresses of buffers. What makes them sound is decided here and nowhere else: every
//! address is that of a slice that is borrowed for as long as the call takes, every length is the length of that slice,
//! and the kernel writes only where the borrow is mutable. What the numbers mean that come back is for others.
#![expect(unsafe_code, reason = "no safe wrapper of the two calls is kept well enough")]

use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};
use spdm_transport_storage::nvme::{AdminCommand, SECURITY_RECEIVE, SECURITY_SEND};

use crate::abi::{NVME_IOCTL_ADMIN_CMD, NvmePassthruCmd, SG_IO, SgIoHdr};
use crate::file::{NvmeFile, ScsiFile};
use crate::identify::IdentifyController;
use crate::nvme::IDENTIFY;
use crate::passthrough::{OsError, ScsiOutcome, SenseBuffer, Transfer};

/// `SG_DXFER_TO_DEV` and `SG_DXFER_FROM_DEV`.
const TO_DRIVE: c_int = -2;
const FROM_DRIVE: c_int = -3;
/// Version 3 of the interface: `'S'`.
const INTERFACE: c_int = 0x53;

/// Carries out an admin command: what the call returned, 0 or an NVMe status.
///
/// The kernel maps as many bytes as `data` has, but the controller is told their number by the command itself, and
/// takes the direction from the opcode. A command that is none of the three, or whose number of bytes is not that of
/// `data`, is therefore refused as invalid, whoever calls.
pub(crate) fn nvme_admin(
    file: &NvmeFile,
    command: AdminCommand,
    mut data: Transfer<'_>,
    timeout_ms: u32,
) -> Result<c_int, OsError> {
    let (address, len) = match &mut data {
        Transfer::ToDrive(data) => (data.as_ptr().expose_provenance(), data.len()),
        Transfer::FromDrive(data) => (data.as_mut_ptr().expose_provenance(), data.len()),
    };
    let data_len = u32::try_from(len).map_err(|_| OsError::INVALID)?;
    let is_sound = match (command.opcode, &data) {
        (SECURITY_SEND, Transfer::ToDrive(_)) | (SECURITY_RECEIVE, Transfer::FromDrive(_)) => {
            command.cdw11 == data_len
        }
        (IDENTIFY, Transfer::FromDrive(_)) => len == IdentifyController::LEN,
        _ => false,
    };
    if !is_sound {
        return Err(OsError::INVALID);
    }
    let mut argument = NvmePassthruCmd {
        opcode: command.opcode,
        cdw10: command.cdw10,
        cdw11: command.cdw11,
        addr: u64::try_from(address).map_err(|_| OsError::INVALID)?,
        data_len,
        timeout_ms,
        ..NvmePassthruCmd::default()
    };
    let call = Call { number: NVME_IOCTL_ADMIN_CMD, argument: &mut argument };
    // SAFETY: the number is that of the structure (tests/layout.rs). `addr` and `data_len` are those of `data`, which
    // is borrowed until this function returns, mutably where the opcode lets data come from the drive, as was checked
    // above; there is no metadata. The kernel waits for the command to end, or to be taken from the controller, before
    // the call returns: nothing is written later. The file is an NVMe device's: `DriveNode` makes no other.
    unsafe { ioctl(file.as_fd(), call) }.map_err(os_error)
}

/// Carries out a SCSI command: what the call wrote into its structure.
pub(crate) fn sg_io(
    file: &ScsiFile,
    command: &[u8],
    mut data: Transfer<'_>,
    timeout_ms: u32,
) -> Result<ScsiOutcome, OsError> {
    let mut block = [0; 16];
    let place = block.get_mut(..command.len()).ok_or(OsError::INVALID)?;
    place.copy_from_slice(command);
    let mut sense: SenseBuffer = ScsiOutcome::GOOD.sense;
    // To the drive the kernel only reads: that the pointer can write is the structure's form, not a use.
    let (direction, address, len): (_, *mut c_void, _) = match &mut data {
        Transfer::ToDrive(data) => (TO_DRIVE, data.as_ptr().cast_mut().cast(), data.len()),
        Transfer::FromDrive(data) => (FROM_DRIVE, data.as_mut_ptr().cast(), data.len()),
    };
    let mut argument = SgIoHdr {
        interface_id: INTERFACE,
        dxfer_direction: direction,
        cmd_len: u8::try_from(command.len()).map_err(|_| OsError::INVALID)?,
        mx_sb_len: u8::try_from(sense.len()).map_err(|_| OsError::INVALID)?,
        iovec_count: 0,
        dxfer_len: c_uint::try_from(len).map_err(|_| OsError::INVALID)?,
        dxferp: address,
        cmdp: block.as_mut_ptr(),
        sbp: sense.as_mut_ptr(),
        timeout: timeout_ms,
        flags: 0,
        pack_id: 0,
        usr_ptr: ptr::null_mut(),
        status: 0,
        masked_status: 0,
        msg_status: 0,
        sb_len_wr: 0,
        host_status: 0,
        driver_status: 0,
        resid: 0,
        duration: 0,
        info: 0,
    };
    let call = Call { number: SG_IO, argument: &mut argument };
    // SAFETY: the structure is the kernel's (tests/layout.rs). Its three addresses are those of `data`, `block` and
    // `sense`, each with its own length, all of which live until this function returns; the kernel writes into `sense`,
    // and into `data` only with the direction that goes with a mutable borrow. `flags` asks for no direct transfer: the
    // kernel copies, and copies nothing any more where a signal ended the call before the command was done. The caller
    // has made sure that the file is a SCSI device, as this number may mean something else elsewhere.
    unsafe { ioctl(file.as_fd(), call) }.map_err(os_error)?;
    Ok(ScsiOutcome {
        status: argument.status,
        host_status: argument.host_status,
        driver_status: argument.driver_status,
        residual: argument.resid,
        sense,
        sense_len: argument.sb_len_wr,
    })
}

const fn os_error(errno: Errno) -> OsError {
    OsError(errno.raw_os_error())
}

/// A call whose argument the kernel may read and write.
struct Call<'a, T> {
    number: c_uint,
    argument: &'a mut T,
}

// SAFETY: the pointer is that of a live structure that nobody else uses, and both calls return an integer. That the
// number and the content of the structure go together is said where a value is made.
unsafe impl<T> Ioctl for Call<'_, T> {
    type Output = c_int;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        Opcode::from(self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self.argument).cast()
    }

    // SAFETY: nothing is read through the pointer.
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<c_int> {
        Ok(output)
    }
}
