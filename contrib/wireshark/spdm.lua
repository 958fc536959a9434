-- SPDM (DMTF DSP0274 1.0 to 1.4) for Wireshark and tshark 4.0 or later.
--
-- spdm_transports.lua has what carries messages. Secured messages are shown as records: nothing is decrypted. Large
-- messages in chunks are not put together.
-- Everything here comes from a device that may lie: every length is checked before it is used.
---------------------------------------------------------------------------------------------------- names
local CODES = {
    [0x81] = "GET_DIGESTS", [0x01] = "DIGESTS", [0x82] = "GET_CERTIFICATE", [0x02] = "CERTIFICATE",
    [0x83] = "CHALLENGE", [0x03] = "CHALLENGE_AUTH", [0x84] = "GET_VERSION", [0x04] = "VERSION",
    [0x85] = "CHUNK_SEND", [0x05] = "CHUNK_SEND_ACK", [0x86] = "CHUNK_GET", [0x06] = "CHUNK_RESPONSE",
    [0x87] = "GET_ENDPOINT_INFO", [0x07] = "ENDPOINT_INFO",
    [0x88] = "SLOT_MANAGEMENT", [0x08] = "SLOT_MANAGEMENT_RESP", [0xE0] = "GET_MEASUREMENTS", [0x60] = "MEASUREMENTS",
    [0xE1] = "GET_CAPABILITIES", [0x61] = "CAPABILITIES",
    [0xE2] = "GET_SUPPORTED_EVENT_TYPES", [0x62] = "SUPPORTED_EVENT_TYPES",
    [0xE3] = "NEGOTIATE_ALGORITHMS", [0x63] = "ALGORITHMS", [0xE4] = "KEY_EXCHANGE", [0x64] = "KEY_EXCHANGE_RSP",
    [0xE5] = "FINISH", [0x65] = "FINISH_RSP", [0xE6] = "PSK_EXCHANGE", [0x66] = "PSK_EXCHANGE_RSP",
    [0xE7] = "PSK_FINISH", [0x67] = "PSK_FINISH_RSP", [0xE8] = "HEARTBEAT", [0x68] = "HEARTBEAT_ACK",
    [0xE9] = "KEY_UPDATE", [0x69] = "KEY_UPDATE_ACK",
    [0xEA] = "GET_ENCAPSULATED_REQUEST", [0x6A] = "ENCAPSULATED_REQUEST",
    [0xEB] = "DELIVER_ENCAPSULATED_RESPONSE", [0x6B] = "ENCAPSULATED_RESPONSE_ACK",
    [0xEC] = "END_SESSION", [0x6C] = "END_SESSION_ACK", [0xED] = "GET_CSR", [0x6D] = "CSR",
    [0xEE] = "SET_CERTIFICATE", [0x6E] = "SET_CERTIFICATE_RSP",
    [0xEF] = "GET_MEASUREMENT_EXTENSION_LOG", [0x6F] = "MEASUREMENT_EXTENSION_LOG",
    [0xF0] = "SUBSCRIBE_EVENT_TYPES", [0x70] = "SUBSCRIBE_EVENT_TYPES_ACK",
    [0xF1] = "SEND_EVENT", [0x71] = "EVENT_ACK", [0xFC] = "GET_KEY_PAIR_INFO", [0x7C] = "KEY_PAIR_INFO",
    [0xFD] = "SET_KEY_PAIR_INFO", [0x7D] = "SET_KEY_PAIR_INFO_ACK",
    [0xFE] = "VENDOR_DEFINED_REQUEST", [0x7E] = "VENDOR_DEFINED_RESPONSE",
    [0xFF] = "RESPOND_IF_READY", [0x7F] = "ERROR",
}
local RESPONSE_NOT_READY = 0x42
local LARGE_RESPONSE = 0x0F
local ERRORS = {
    [0x01] = "InvalidRequest", [0x03] = "Busy", [0x04] = "UnexpectedRequest", [0x05] = "Unspecified",
    [0x06] = "DecryptError", [0x07] = "UnsupportedRequest", [0x08] = "RequestInFlight",
    [0x09] = "InvalidResponseCode", [0x0A] = "SessionLimitExceeded", [0x0B] = "SessionRequired",
    [0x0C] = "ResetRequired", [0x0D] = "ResponseTooLarge", [0x0E] = "RequestTooLarge",
    [LARGE_RESPONSE] = "LargeResponse", [0x10] = "MessageLost", [0x11] = "InvalidPolicy", [0x12] = "DataTooLarge",
    [0x41] = "VersionMismatch", [RESPONSE_NOT_READY] = "ResponseNotReady", [0x43] = "RequestResynch",
    [0x44] = "OperationFailed", [0x45] = "NoPendingRequests", [0x46] = "RequestSessionTerminated",
    [0x47] = "InvalidState", [0xFF] = "VendorDefined",
}
local MEASUREMENT_TYPES = {
    [0] = "Immutable ROM", "Mutable firmware", "Hardware configuration", "Firmware configuration",
    "Freeform measurement manifest", "Device mode", "Firmware version", "Firmware security version",
    "Hash-extended measurement", "Informational", "Structured measurement manifest",
}

-- From bit 0 upwards: a name, and the length of a hash or signature in bytes.
local BASE_ASYM = {
    { "RSASSA_2048", 256 }, { "RSAPSS_2048", 256 }, { "RSASSA_3072", 384 }, { "RSAPSS_3072", 384 },
    { "ECDSA_P256", 64 }, { "RSASSA_4096", 512 }, { "RSAPSS_4096", 512 }, { "ECDSA_P384", 96 },
    { "ECDSA_P521", 132 }, { "SM2_P256", 64 }, { "EDDSA_ED25519", 64 }, { "EDDSA_ED448", 114 },
}
local PQC_ASYM = {
    { "ML_DSA_44", 2420 }, { "ML_DSA_65", 3309 }, { "ML_DSA_87", 4627 },
    { "SLH_DSA_SHA2_128S", 7856 }, { "SLH_DSA_SHAKE_128S", 7856 },
    { "SLH_DSA_SHA2_128F", 17088 }, { "SLH_DSA_SHAKE_128F", 17088 },
    { "SLH_DSA_SHA2_192S", 16224 }, { "SLH_DSA_SHAKE_192S", 16224 },
    { "SLH_DSA_SHA2_192F", 35664 }, { "SLH_DSA_SHAKE_192F", 35664 },
    { "SLH_DSA_SHA2_256S", 29792 }, { "SLH_DSA_SHAKE_256S", 29792 },
    { "SLH_DSA_SHA2_256F", 49856 }, { "SLH_DSA_SHAKE_256F", 49856 },
}
local BASE_HASH = {
    { "SHA_256", 32 }, { "SHA_384", 48 }, { "SHA_512", 64 },
    { "SHA3_256", 32 }, { "SHA3_384", 48 }, { "SHA3_512", 64 }, { "SM3_256", 32 },
}
local MEASUREMENT_HASH = {
    { "RAW_BIT_STREAM" }, { "SHA_256" }, { "SHA_384" }, { "SHA_512" },
    { "SHA3_256" }, { "SHA3_384" }, { "SHA3_512" }, { "SM3_256" },
}
local ALG_STRUCTS = {
    [2] = { "DHE", { { "FFDHE_2048" }, { "FFDHE_3072" }, { "FFDHE_4096" }, { "SECP_256_R1" },
        { "SECP_384_R1" }, { "SECP_521_R1" }, { "SM2_P256" } } },
    [3] = { "AEAD", { { "AES_128_GCM" }, { "AES_256_GCM" }, { "CHACHA20_POLY1305" }, { "SM4_GCM" } } },
    [4] = { "ReqBaseAsymAlg", BASE_ASYM },
    [5] = { "KeySchedule", { { "SPDM" } } },
    [6] = { "ReqPqcAsymAlg", PQC_ASYM },
    [7] = { "KEMAlg", { { "ML_KEM_512" }, { "ML_KEM_768" }, { "ML_KEM_1024" } } },
}
local CAPABILITY_FLAGS = {
    "CACHE_CAP", "CERT_CAP", "CHAL_CAP", "MEAS_CAP_NO_SIG", "MEAS_CAP_SIG", "MEAS_FRESH_CAP", "ENCRYPT_CAP",
    "MAC_CAP", "MUT_AUTH_CAP", "KEY_EX_CAP", "PSK_CAP", "PSK_CAP_CONTEXT", "ENCAP_CAP", "HBEAT_CAP",
    "KEY_UPD_CAP", "HANDSHAKE_IN_THE_CLEAR_CAP", "PUB_KEY_ID_CAP", "CHUNK_CAP", "ALIAS_CERT_CAP",
    "SET_CERT_CAP", "CSR_CAP", "CERT_INSTALL_RESET_CAP", "EP_INFO_CAP_NO_SIG", "EP_INFO_CAP_SIG", "MEL_CAP",
    "EVENT_CAP", "MULTI_KEY_CAP_ONLY", "MULTI_KEY_CAP_NEG", "GET_KEY_PAIR_INFO_CAP",
    "SET_KEY_PAIR_INFO_CAP", "SET_KEY_PAIR_RESET_CAP", "LARGE_RESP_CAP",
}

local V1_1, V1_2, V1_3, V1_4 = 0x11, 0x12, 0x13, 0x14
local NONCE_LEN, CONTEXT_LEN = 32, 8
--------------------------------------------------------------------------------------------------- fields
local spdm = Proto("spdm", "Security Protocol and Data Model")
local secured = Proto("spdm_secured", "SPDM Secured Message")
local secured_mctp = Proto("spdm_secured_mctp", "SPDM Secured Message over MCTP")

local f, own = {}, {}

local function field(owner, name, make, label, ...)
    f[name] = make(owner.name:lower():gsub("_", ".", 1) .. "." .. name, label, ...)
    own[owner] = own[owner] or {}
    table.insert(own[owner], f[name])
end

local u8, u16, u32, bytes = ProtoField.uint8, ProtoField.uint16, ProtoField.uint32, ProtoField.bytes
field(spdm, "version", u8, "SPDMVersion", base.HEX)
field(spdm, "code", u8, "RequestResponseCode", base.HEX, CODES)
field(spdm, "param1", u8, "Param1", base.HEX)
field(spdm, "param2", u8, "Param2", base.HEX)
field(spdm, "slot", u8, "SlotID")
field(spdm, "slot_mask", u8, "SlotMask", base.HEX)
field(spdm, "version_entry", u16, "VersionNumberEntry", base.HEX)
field(spdm, "ct_exponent", u8, "CTExponent")
field(spdm, "ext_flags", u16, "ExtFlags", base.HEX)
field(spdm, "flags", u32, "Flags", base.HEX)
field(spdm, "data_transfer_size", u32, "DataTransferSize")
field(spdm, "max_spdm_msg_size", u32, "MaxSPDMmsgSize")
field(spdm, "length", u16, "Length")
field(spdm, "measurement_specification", u8, "MeasurementSpecification", base.HEX)
field(spdm, "other_params", u8, "OtherParams", base.HEX)
field(spdm, "measurement_hash", u32, "MeasurementHashAlgo", base.HEX)
field(spdm, "base_asym", u32, "BaseAsymAlgo", base.HEX)
field(spdm, "base_hash", u32, "BaseHashAlgo", base.HEX)
field(spdm, "pqc_asym", u32, "PqcAsymAlgo", base.HEX)
field(spdm, "mel_specification", u8, "MELspecification", base.HEX)
field(spdm, "alg_struct", u16, "AlgStruct", base.HEX)
field(spdm, "digest", bytes, "Digest")
field(spdm, "key_pair_ids", bytes, "KeyPairID of each slot")
field(spdm, "certificate_infos", bytes, "CertificateInfo of each slot")
field(spdm, "key_usage_masks", bytes, "KeyUsageMask of each slot")
field(spdm, "offset", u32, "Offset")
field(spdm, "portion_length", u32, "PortionLength")
field(spdm, "remainder_length", u32, "RemainderLength")
field(spdm, "portion", bytes, "CertChain portion")
field(spdm, "nonce", bytes, "Nonce")
field(spdm, "context", bytes, "RequesterContext")
field(spdm, "cert_chain_hash", bytes, "CertChainHash")
field(spdm, "summary_hash", bytes, "MeasurementSummaryHash")
field(spdm, "opaque", bytes, "OpaqueData")
field(spdm, "signature", bytes, "Signature")
field(spdm, "blocks", u8, "NumberOfBlocks")
field(spdm, "record_length", ProtoField.uint24, "MeasurementRecordLength")
field(spdm, "measurement", ProtoField.none, "Measurement")
field(spdm, "measurement_index", u8, "Index")
field(spdm, "measurement_size", u16, "MeasurementSize")
field(spdm, "measurement_type", u8, "DMTFSpecMeasurementValueType", base.HEX, MEASUREMENT_TYPES, 0x7F)
field(spdm, "measurement_raw", ProtoField.bool, "Raw bit stream", 8, nil, 0x80)
field(spdm, "measurement_value", bytes, "Value")
field(spdm, "error", u8, "ErrorCode", base.HEX, ERRORS)
field(spdm, "error_data", u8, "ErrorData", base.HEX)
field(spdm, "rdt_exponent", u8, "RDTExponent")
field(spdm, "request_code", u8, "RequestCode", base.HEX, CODES)
field(spdm, "token", u8, "Token")
field(spdm, "rdtm", u8, "RDTM")
field(spdm, "handle", u8, "Handle")
field(spdm, "chunk_seq_no", u32, "ChunkSeqNo")
field(spdm, "chunk_size", u32, "ChunkSize")
field(spdm, "large_message_size", u32, "LargeMessageSize")
field(spdm, "chunk", bytes, "SPDMchunk")
field(spdm, "reserved", bytes, "Reserved")
field(spdm, "rest", bytes, "Further data")
for bit, name in ipairs(CAPABILITY_FLAGS) do
    field(spdm, "flags." .. name:lower(), ProtoField.bool, name, 32, nil, 2 ^ (bit - 1))
end
field(secured, "session_id", u32, "SessionID", base.HEX)
field(secured, "sequence", u16, "SequenceNumber")
field(secured, "record_length", u16, "Length")
field(secured, "record", bytes, "Ciphertext and MAC")
for owner, fields in pairs(own) do
    owner.fields = fields
end

local cut = ProtoExpert.new("spdm.cut", "The message ends too early", expert.group.MALFORMED, expert.severity.ERROR)
local unknown_lengths = ProtoExpert.new("spdm.unknown_lengths", "No ALGORITHMS before: lengths are not known",
    expert.group.UNDECODED, expert.severity.NOTE)
spdm.experts = { cut, unknown_lengths }
------------------------------------------------------------------------------------------ what came before
-- What later messages depend on: algorithms, and what the last request asked for. The same for each packet as it
-- was when the packet was first seen: Wireshark dissects in any order later.
local connection, seen

function spdm.init()
    connection, seen = {}, {}
end

-- The state before this packet, and the state that the packet changes: once only.
local function states(pinfo)
    if seen[pinfo.number] then
        return seen[pinfo.number], {}
    end
    seen[pinfo.number] = {}
    for key, value in pairs(connection) do
        seen[pinfo.number][key] = value
    end
    return seen[pinfo.number], connection
end
------------------------------------------------------------------------------------------------- a reader
local CUT = {}
local Reader = {}
Reader.__index = Reader

local function reader(tvb, tree)
    return setmetatable({ tvb = tvb, tree = tree, at = 0 }, Reader)
end

function Reader:left()
    return self.tvb:len() - self.at
end

-- The next bytes; the message ends here if there are too few.
function Reader:take(len)
    if len > self:left() then
        error(CUT, 0)
    end
    local range = self.tvb:range(self.at, len)
    self.at = self.at + len
    return range
end

-- A little-endian number, shown as this field; the item comes second.
function Reader:number(name, len)
    local range = self:take(len)
    return range:le_uint(), self.tree:add_le(f[name], range)
end

-- Bytes, shown as this field unless there are none.
function Reader:bytes(name, len)
    if len > 0 then
        return self.tree:add(f[name], self:take(len))
    end
end

-- A reader in a branch of the tree.
function Reader:under(item)
    return setmetatable({ tvb = self.tvb, tree = item, at = self.at }, Reader)
end

local function has_bit(number, bit)
    return math.floor(number / 2 ^ bit) % 2 == 1
end

-- The names of the bits that are set, and the length that belongs to the last of them.
local function bit_names(number, names)
    local set, len = {}, nil
    for bit, entry in ipairs(names) do
        if has_bit(number, bit - 1) then
            table.insert(set, entry[1])
            len = entry[2]
        end
    end
    return table.concat(set, " "), len
end

function Reader:algorithms(name, len, names)
    local number, item = self:number(name, len)
    local text, size = bit_names(number, names)
    item:append_text(text == "" and "" or " (" .. text .. ")")
    return text, size
end

local function slots_of(mask)
    local slots = {}
    for slot = 0, 7 do
        slots[#slots + 1] = has_bit(mask, slot) and slot or nil
    end
    return slots
end
------------------------------------------------------------------------------------------------- messages
-- Each takes a reader behind the header, the header, the state before and the state to change, and returns what
-- belongs behind the name in the Info column.
local messages = {}

function messages.VERSION(r)
    r:bytes("reserved", 1)
    local names = {}
    for _ = 1, r:take(1):uint() do
        local entry, item = r:number("version_entry", 2)
        local name = string.format("%d.%d", math.floor(entry / 0x1000), math.floor(entry / 0x100) % 0x10)
        item:append_text(" (" .. name .. ")")
        table.insert(names, name)
    end
    return table.concat(names, " ")
end

local function capability(r, header)
    r:bytes("reserved", 1)
    r:number("ct_exponent", 1)
    if header.version >= V1_4 then
        r:number("ext_flags", 2)
    else
        r:bytes("reserved", 2)
    end
    local range = r:take(4)
    local item = r.tree:add_le(f.flags, range)
    for _, name in ipairs(CAPABILITY_FLAGS) do
        item:add_le(f["flags." .. name:lower()], range)
    end
    if header.version >= V1_2 then
        r:number("data_transfer_size", 4)
        r:number("max_spdm_msg_size", 4)
    end
    return string.format("flags 0x%08x", range:le_uint())
end

function messages.GET_CAPABILITIES(r, header)
    return header.version >= V1_1 and capability(r, header) or ""
end

messages.CAPABILITIES = capability

local function alg_structs(r, header)
    local count = header.version >= V1_1 and header.param1 or 0
    for _ = 1, count do
        local alg_type, alg_count = r:take(1):uint(), r:take(1):uint()
        local name, names = table.unpack(ALG_STRUCTS[alg_type] or { "AlgType " .. alg_type, {} })
        local range = r:take(2)
        local text = bit_names(range:le_uint(), names)
        r.tree:add_le(f.alg_struct, range):set_text(string.format("%s: 0x%04x (%s)", name, range:le_uint(), text))
        r:bytes("reserved", 4 * (alg_count % 0x10))
    end
end

-- The lengths of the external algorithms, which precede the AlgStructs.
local function ext_counts(r)
    return 4 * (r:take(1):uint() + r:take(1):uint())
end

function messages.NEGOTIATE_ALGORITHMS(r, header)
    r:number("length", 2)
    r:number("measurement_specification", 1)
    r:number("other_params", 1)
    local asym = r:algorithms("base_asym", 4, BASE_ASYM)
    local hash = r:algorithms("base_hash", 4, BASE_HASH)
    r:algorithms("pqc_asym", 4, PQC_ASYM)
    r:bytes("reserved", 8)
    local ext_len = ext_counts(r)
    r:bytes("reserved", 1)
    r:number("mel_specification", 1)
    r:bytes("reserved", ext_len)
    alg_structs(r, header)
    return asym .. ", " .. hash
end

function messages.ALGORITHMS(r, header, _, after)
    r:number("length", 2)
    r:number("measurement_specification", 1)
    r:number("other_params", 1)
    local measurement = r:algorithms("measurement_hash", 4, MEASUREMENT_HASH)
    local asym, signature_len = r:algorithms("base_asym", 4, BASE_ASYM)
    local hash, hash_len = r:algorithms("base_hash", 4, BASE_HASH)
    local pqc, pqc_len = r:algorithms("pqc_asym", 4, PQC_ASYM)
    after.hash_len, after.signature_len = hash_len, signature_len or pqc_len
    r:bytes("reserved", 7)
    r:number("mel_specification", 1)
    local ext_len = ext_counts(r)
    r:bytes("reserved", 2)
    r:bytes("reserved", ext_len)
    alg_structs(r, header)
    local text = (asym .. pqc) .. " " .. hash
    return measurement == "" and text or text .. " measurements " .. measurement
end

function messages.DIGESTS(r, header, before)
    local slots = slots_of(header.param2)
    for _, slot in ipairs(slots) do
        if not before.hash_len then
            r.tree:add_proto_expert_info(unknown_lengths)
            break
        end
        r:bytes("digest", before.hash_len):prepend_text("Slot " .. slot .. " ")
    end
    -- A multi-key connection says more of each slot; padding is shorter.
    if header.version >= V1_3 and #slots > 0 and r:left() >= 4 * #slots then
        r:bytes("key_pair_ids", #slots)
        r:bytes("certificate_infos", #slots)
        r:bytes("key_usage_masks", 2 * #slots)
    end
    return "slots " .. table.concat(slots, " ")
end

-- Whether GET_CERTIFICATE or CERTIFICATE has the large form.
local function is_large(header)
    return header.version >= V1_4 and header.param1 >= 0x80
end

local function certificate_numbers(r, header, first, second)
    local len = is_large(header) and 4 or 2
    r:bytes("reserved", is_large(header) and 4 or 0)
    return r:number(first, len), (r:number(second, len))
end

function messages.GET_CERTIFICATE(r, header)
    local offset, length = certificate_numbers(r, header, "offset", "portion_length")
    return string.format("slot %d offset %d length %d", header.param1 % 0x10, offset, length)
end

function messages.CERTIFICATE(r, header)
    local length, remainder = certificate_numbers(r, header, "portion_length", "remainder_length")
    r:bytes("portion", length)
    return string.format("slot %d, %d bytes, %d remain", header.param1 % 0x10, length, remainder)
end

local function context(r, header)
    if header.version >= V1_3 then
        r:bytes("context", CONTEXT_LEN)
    end
end

function messages.CHALLENGE(r, header, _, after)
    after.summary = header.param2 ~= 0
    r:bytes("nonce", NONCE_LEN)
    context(r, header)
    return "slot " .. header.param1
end

local function opaque(r)
    r:bytes("opaque", r:take(2):le_uint())
end

function messages.CHALLENGE_AUTH(r, header, before)
    local text = "slot " .. header.param1 % 0x10
    r.tree:add(f.slot_mask, header.range:range(3, 1))
    if not before.hash_len or not before.signature_len then
        r.tree:add_proto_expert_info(unknown_lengths)
        return text
    end
    r:bytes("cert_chain_hash", before.hash_len)
    r:bytes("nonce", NONCE_LEN)
    r:bytes("summary_hash", before.summary and before.hash_len or 0)
    opaque(r)
    context(r, header)
    r:bytes("signature", before.signature_len)
    return text
end

function messages.GET_MEASUREMENTS(r, header, _, after)
    local signed = has_bit(header.param1, 0)
    after.signed = signed
    local text = ({ [0] = "count", [0xFF] = "all" })[header.param2] or "index " .. header.param2
    if signed then
        r:bytes("nonce", NONCE_LEN)
        if header.version >= V1_1 then
            text = text .. " signed slot " .. r:number("slot", 1) % 0x10
        else
            text = text .. " signed"
        end
    end
    context(r, header)
    return text
end

local function measurement(r)
    local start = r:left() >= 4 and r.tvb:range(r.at + 2, 2):le_uint() + 4 or 4
    local item = r.tree:add(f.measurement, r.tvb:range(r.at, math.min(start, r:left())))
    local inner = r:under(item)
    local index = inner:number("measurement_index", 1)
    local specification = inner:number("measurement_specification", 1)
    local size = inner:number("measurement_size", 2)
    local text = tostring(index)
    if specification == 1 and size >= 3 then
        local range = inner:take(1)
        item:add(f.measurement_type, range)
        item:add(f.measurement_raw, range)
        text = text .. ": " .. (MEASUREMENT_TYPES[range:uint() % 0x80] or "reserved type")
        inner:bytes("measurement_value", inner:take(2):le_uint())
    else
        inner:bytes("measurement_value", size)
    end
    item:append_text(" " .. text)
    r.at = inner.at
end

function messages.MEASUREMENTS(r, header, before)
    local blocks = r:number("blocks", 1)
    r:number("record_length", 3)
    for _ = 1, blocks do
        measurement(r)
    end
    r:bytes("nonce", NONCE_LEN)
    opaque(r)
    context(r, header)
    local text = header.param1 > 0 and header.param1 .. " indices" or blocks .. " blocks"
    if not before.signed then
        return text
    end
    if before.signature_len then
        r:bytes("signature", before.signature_len)
    else
        r.tree:add_proto_expert_info(unknown_lengths)
    end
    return text .. " signed"
end

messages["ERROR"] = function(r, header)
    r.tree:add(f.error, header.range:range(2, 1))
    r.tree:add(f.error_data, header.range:range(3, 1))
    if header.param1 == RESPONSE_NOT_READY then
        r:number("rdt_exponent", 1)
        r:number("request_code", 1)
        r:number("token", 1)
        r:number("rdtm", 1)
    elseif header.param1 == LARGE_RESPONSE then
        r:number("handle", 1)
    end
    return ERRORS[header.param1] or string.format("0x%02x", header.param1)
end

local function chunk(r, header)
    local number = r:number("chunk_seq_no", header.version >= V1_4 and 4 or 2)
    r:bytes("reserved", header.version >= V1_4 and 0 or 2)
    local size = r:number("chunk_size", 4)
    if number == 0 then
        r:number("large_message_size", 4)
    end
    r:bytes("chunk", size)
    local last = has_bit(header.param1, 0) and ", the last" or ""
    return string.format("handle %d chunk %d, %d bytes%s", header.param2, number, size, last)
end

messages.CHUNK_SEND = chunk
messages.CHUNK_RESPONSE = chunk

function messages.CHUNK_GET(r, header)
    local number = r:number("chunk_seq_no", header.version >= V1_4 and 4 or 2)
    return string.format("handle %d chunk %d", header.param2, number)
end
---------------------------------------------------------------------------------------------- dissectors
local function info(pinfo, text)
    pinfo.cols.protocol = "SPDM"
    pinfo.cols.info = text
end

function spdm.dissector(tvb, pinfo, root)
    local tree = root:add(spdm, tvb())
    local r = reader(tvb, tree)
    if r:left() < 4 then
        info(pinfo, "no SPDM message")
        tree:add_proto_expert_info(cut)
        return tvb:len()
    end
    local range = r:take(4)
    local header = { range = range }
    for at, name in ipairs({ "version", "code", "param1", "param2" }) do
        header[name] = range:range(at - 1, 1):uint()
        tree:add(f[name], range:range(at - 1, 1))
    end
    local name = CODES[header.code] or string.format("code 0x%02x", header.code)
    local text = string.format("%s %d.%d %s", header.code >= 0x80 and "->" or "<-",
        math.floor(header.version / 0x10), header.version % 0x10, name)
    local body = messages[name]
    if body then
        local ok, result = pcall(body, r, header, states(pinfo))
        if ok then
            text = result == "" and text or text .. "  " .. result
        elseif result == CUT then
            text = text .. "  ends too early"
            tree:add_proto_expert_info(cut)
        else
            error(result, 0)
        end
    end
    r:bytes("rest", r:left())
    tree:append_text(", " .. text)
    info(pinfo, text)
    return tvb:len()
end

-- A record of DSP0277; its sequence number has as many bytes as the transport says.
local function record(tvb, pinfo, root, sequence_len)
    local tree = root:add(secured, tvb())
    local r = reader(tvb, tree)
    local ok, text = pcall(function()
        local session = r:number("session_id", 4)
        if sequence_len > 0 then
            r:number("sequence", sequence_len)
        end
        local len = r:number("record_length", 2)
        r:bytes("record", len)
        return string.format("secured message  session 0x%08x, %d bytes", session, len)
    end)
    if not ok then
        if text ~= CUT then
            error(text, 0)
        end
        text = "secured message  ends too early"
        tree:add_proto_expert_info(cut)
    end
    info(pinfo, text)
end

-- Over PCI DOE and TCP.
function secured.dissector(tvb, pinfo, root)
    record(tvb, pinfo, root, 0)
    return tvb:len()
end

function secured_mctp.dissector(tvb, pinfo, root)
    record(tvb, pinfo, root, 2)
    return tvb:len()
end
