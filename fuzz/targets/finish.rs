#![no_main]

spdm_fuzz::messages!(Finish, FinishRsp);
