#![no_main]

spdm_fuzz::messages!(VendorDefinedRequest, VendorDefinedResponse);
