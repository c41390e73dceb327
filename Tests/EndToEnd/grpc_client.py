# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that is not ours: grpcio and protobuf from PyPI, with the messages of istio's ca.proto typed here.

Arguments: one JSON object: address, roots, metadata, csr, impersonate, validity, method, raw, timeout, name, padding, gzip.
Prints one JSON object: code, details, chain.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

SERVICE = "istio.v1.auth.IstioCertificateService"


def messages():
    file = descriptor_pb2.FileDescriptorProto(name="ca.proto", package="istio.v1.auth", syntax="proto3")
    file.dependency.append("google/protobuf/struct.proto")
    field = descriptor_pb2.FieldDescriptorProto
    request = file.message_type.add(name="IstioCertificateRequest")
    request.field.add(name="csr", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    request.field.add(name="validity_duration", number=3, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    request.field.add(name="metadata", number=4, type=field.TYPE_MESSAGE, type_name=".google.protobuf.Struct",
                      label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="IstioCertificateResponse")
    response.field.add(name="cert_chain", number=1, type=field.TYPE_STRING, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"istio.v1.auth.{name}"))
            for name in ("IstioCertificateRequest", "IstioCertificateResponse")]


def main():
    asked = json.loads(sys.argv[1])
    request_class, response_class = messages()
    request = request_class(csr=asked.get("csr", ""), validity_duration=asked.get("validity", 0))
    if "impersonate" in asked:
        request.metadata.update({"ImpersonatedIdentity": asked["impersonate"]})
    with open(asked["roots"], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = [("grpc.ssl_target_name_override", asked["name"])] if "name" in asked else []
    with grpc.secure_channel(asked["address"], credentials, options) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/{asked.get('method', 'CreateCertificate')}",
            request_serializer=lambda _: bytes.fromhex(asked["raw"]) if "raw" in asked
            else request.SerializeToString() + bytes(asked.get("padding", 0)),
            response_deserializer=response_class.FromString)
        try:
            compression = grpc.Compression.Gzip if asked.get("gzip") else None
            answer = call(request, metadata=list(asked.get("metadata", {}).items()), timeout=asked.get("timeout", 10),
                          compression=compression)
            print(json.dumps({"code": "OK", "details": "", "chain": list(answer.cert_chain)}))
        except grpc.RpcError as error:
            print(json.dumps({"code": error.code().name, "details": error.details(), "chain": []}))


main()
