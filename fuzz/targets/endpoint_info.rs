#![no_main]

spdm_fuzz::messages!(GetEndpointInfo, EndpointInfo);
