#![no_main]

spdm_fuzz::messages!(PskFinish, PskFinishRsp);
