#![no_main]

spdm_fuzz::messages!(ErrorResponse, RespondIfReady);
