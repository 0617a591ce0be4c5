package conformance

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// service describes one gRPC service as clients compiled it in: names, field numbers and types cannot change any more.
type service struct {
	file, pkg, name string
	methods         map[string][2]string // to the names of request and response
	messages        map[string]string    // to the fields, numbered from 1 in this order; they are strings unless told
}

// services is the gRPC API. It stands here a second time, apart from the .proto files of the server, so that a change
// to these is found out.
func services() []service {
	return []service{
		{"delay/delay.proto", "delay", "DelayService",
			map[string][2]string{"Delay": {"DelayRequest", "DelayResponse"}},
			map[string]string{"DelayRequest": "int64 seconds", "DelayResponse": "int64 message"}},
		{"echo/echo.proto", "echo", "EchoService",
			map[string][2]string{"Echo": {"Message", "Message"}},
			map[string]string{"Message": "body"}},
		{"env/env.proto", "env", "EnvService",
			map[string][2]string{"Env": {"EnvRequest", "EnvResponse"}},
			map[string]string{"EnvRequest": "", "EnvResponse": "repeated envVars"}},
		{"headers/headers.proto", "header", "HeaderService",
			map[string][2]string{"Header": {"headerRequest", "headerResponse"}},
			map[string]string{"headerRequest": "", "headerResponse": "repeated headers"}},
		{"info/info.proto", "info", "InfoService",
			map[string][2]string{"Info": {"InfoRequest", "InfoResponse"}},
			map[string]string{"InfoRequest": "", "InfoResponse": "hostname, version, revision, color, logo, message, " +
				"goos, goarch, runtime, numgoroutine, numcpu"}},
		{"panic.proto", "panic", "PanicService",
			map[string][2]string{"Panic": {"PanicRequest", "PanicResponse"}},
			map[string]string{"PanicRequest": "", "PanicResponse": ""}},
		pluginService(),
		{"status/status.proto", "status", "StatusService",
			map[string][2]string{"Status": {"StatusRequest", "StatusResponse"}},
			map[string]string{"StatusRequest": "code", "StatusResponse": "status"}},
		{"token/token.proto", "token", "TokenService",
			map[string][2]string{
				"TokenGenerate": {"TokenRequest", "TokenResponse"},
				"TokenValidate": {"TokenRequest", "TokenResponse"},
			},
			map[string]string{"TokenRequest": "", "TokenResponse": "token, expiresAt, message"}},
		{"version.proto", "version", "VersionService",
			map[string][2]string{"Version": {"VersionRequest", "VersionResponse"}},
			map[string]string{"VersionRequest": "", "VersionResponse": "version, commit"}},
	}
}

func pluginService() service {
	return service{
		"plugin/plugin.proto", "plugin", "PluginService",
		map[string][2]string{
			"List": {"ListRequest", "ListResponse"}, "Get": {"GetRequest", "Plugin"},
			"Encode": {"EncodeRequest", "EncodeResponse"}, "Decode": {"DecodeRequest", "DecodeResponse"},
			"Reload": {"ReloadRequest", "Plugin"}, "Kill": {"KillRequest", "Plugin"}, "Start": {"StartRequest", "Plugin"},
			"Delete": {"DeleteRequest", "DeleteResponse"},
		},
		map[string]string{
			"ListRequest": "", "ListResponse": "repeated Plugin plugins", "GetRequest": "name",
			"EncodeRequest": "name, Value value", "EncodeResponse": "Value value, content_type",
			"DecodeRequest": "name, Value value", "DecodeResponse": "Value value, content_type",
			"Value": "bytes raw, json", "ReloadRequest": "name", "KillRequest": "name", "StartRequest": "name",
			"DeleteRequest": "name", "DeleteResponse": "",
			"Plugin": "name, transport, state, since, error, sha256, int64 pid, PluginInfo info, int64 restarts, " +
				"int64 reloads, int64 in_flight",
			"PluginInfo": "name, version, description, content_type",
		},
	}
}

// descriptors finds the methods of the gRPC API by name.
type descriptors struct{ files *protoregistry.Files }

func newDescriptors() (descriptors, error) {
	set := &descriptorpb.FileDescriptorSet{}
	for _, s := range services() {
		set.File = append(set.File, s.descriptor())
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return descriptors{}, fmt.Errorf("the descriptors of the gRPC API: %w", err)
	}
	return descriptors{files}, nil
}

// method finds "echo.EchoService/Echo".
func (d descriptors) method(name string) (protoreflect.MethodDescriptor, error) {
	found, err := d.files.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(name, "/", ".")))
	if err != nil {
		return nil, fmt.Errorf("gRPC method %s: %w", name, err)
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no gRPC method", name)
	}
	return method, nil
}

func (s service) descriptor() *descriptorpb.FileDescriptorProto {
	file := &descriptorpb.FileDescriptorProto{
		Name: new(s.file), Package: new(s.pkg), Syntax: new("proto3"),
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new(s.name)}},
	}
	for name, types := range s.methods {
		file.Service[0].Method = append(file.Service[0].Method, &descriptorpb.MethodDescriptorProto{
			Name:       new(name),
			InputType:  new("." + s.pkg + "." + types[0]),
			OutputType: new("." + s.pkg + "." + types[1]),
		})
	}
	for name, fields := range s.messages {
		message := &descriptorpb.DescriptorProto{Name: new(name)}
		for i, field := range strings.FieldsFunc(fields, func(r rune) bool { return r == ',' }) {
			message.Field = append(message.Field, s.field(strings.TrimSpace(field), int32(i+1)))
		}
		file.MessageType = append(file.MessageType, message)
	}
	return file
}

// field reads "name", "int64 name" or "repeated name". A type with a capital letter is a message of the same service.
func (s service) field(text string, number int32) *descriptorpb.FieldDescriptorProto {
	label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
	if name, found := strings.CutPrefix(text, "repeated "); found {
		text, label = name, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	}
	field := &descriptorpb.FieldDescriptorProto{
		Name: new(text), Number: new(number), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: &label,
	}
	kind, name, typed := strings.Cut(text, " ")
	if !typed {
		return field
	}
	field.Name = new(name)
	switch kind {
	case "int64":
		field.Type = descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum()
	case "bytes":
		field.Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
	default:
		field.Type, field.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), new("."+s.pkg+"."+kind)
	}
	return field
}
