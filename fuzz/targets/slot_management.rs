#![no_main]

spdm_fuzz::messages!(SlotManagement, SlotManagementResp);
