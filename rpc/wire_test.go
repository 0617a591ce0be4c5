package rpc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// wire is what clients know: for every service the file it is in, its methods, and the fields of every message with
// their numbers and types.
var wire = map[string]struct {
	file     string
	methods  []string
	messages []string
}{
	"delay.DelayService": {"delay/delay.proto",
		[]string{"Delay(DelayRequest) DelayResponse"},
		[]string{"DelayRequest{seconds=1 int64}", "DelayResponse{message=1 int64}"}},
	"echo.EchoService": {"echo/echo.proto",
		[]string{"Echo(Message) Message"},
		[]string{"Message{body=1 string}"}},
	"env.EnvService": {"env/env.proto",
		[]string{"Env(EnvRequest) EnvResponse"},
		[]string{"EnvRequest{}", "EnvResponse{envVars=1 repeated string}"}},
	"header.HeaderService": {"headers/headers.proto",
		[]string{"Header(headerRequest) headerResponse"},
		[]string{"headerRequest{}", "headerResponse{headers=1 repeated string}"}},
	"info.InfoService": {"info/info.proto",
		[]string{"Info(InfoRequest) InfoResponse"},
		[]string{"InfoRequest{}", "InfoResponse{hostname=1 string version=2 string revision=3 string color=4 string " +
			"logo=5 string message=6 string goos=7 string goarch=8 string runtime=9 string numgoroutine=10 string " +
			"numcpu=11 string}"}},
	"panic.PanicService": {"panic.proto",
		[]string{"Panic(PanicRequest) PanicResponse"},
		[]string{"PanicRequest{}", "PanicResponse{}"}},
	"plugin.PluginService": {"plugin/plugin.proto",
		[]string{
			"List(ListRequest) ListResponse", "Get(GetRequest) Plugin",
			"Encode(EncodeRequest) EncodeResponse", "Decode(DecodeRequest) DecodeResponse",
			"Reload(ReloadRequest) Plugin", "Kill(KillRequest) Plugin", "Start(StartRequest) Plugin",
			"Delete(DeleteRequest) DeleteResponse",
		},
		[]string{
			"ListRequest{}", "ListResponse{plugins=1 repeated message}", "GetRequest{name=1 string}",
			"EncodeRequest{name=1 string value=2 message}", "EncodeResponse{value=1 message content_type=2 string}",
			"DecodeRequest{name=1 string value=2 message}", "DecodeResponse{value=1 message content_type=2 string}",
			"Value{raw=1 bytes json=2 string}",
			"ReloadRequest{name=1 string}", "KillRequest{name=1 string}", "StartRequest{name=1 string}",
			"DeleteRequest{name=1 string}", "DeleteResponse{}",
			"Plugin{name=1 string transport=2 string state=3 string since=4 string error=5 string sha256=6 string " +
				"pid=7 int64 info=8 message restarts=9 int64 reloads=10 int64 in_flight=11 int64}",
			"PluginInfo{name=1 string version=2 string description=3 string content_type=4 string}",
		}},
	"status.StatusService": {"status/status.proto",
		[]string{"Status(StatusRequest) StatusResponse"},
		[]string{"StatusRequest{code=1 string}", "StatusResponse{status=1 string}"}},
	"token.TokenService": {"token/token.proto",
		[]string{"TokenGenerate(TokenRequest) TokenResponse", "TokenValidate(TokenRequest) TokenResponse"},
		[]string{"TokenRequest{}", "TokenResponse{token=1 string expiresAt=2 string message=3 string}"}},
	"version.VersionService": {"version.proto",
		[]string{"Version(VersionRequest) VersionResponse"},
		[]string{"VersionRequest{}", "VersionResponse{version=1 string commit=2 string}"}},
}

func TestWire(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for service, want := range wire {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			file := describe(t, r.conn, service).ParentFile()
			if file.Path() != want.file {
				t.Errorf("the file is %q, want %q", file.Path(), want.file)
			}
			if file.Syntax() != protoreflect.Proto3 {
				t.Errorf("the syntax is %s, want proto3", file.Syntax())
			}
			if got := methods(file); !slices.Equal(got, want.methods) {
				t.Errorf("the methods are %q, want %q", got, want.methods)
			}
			if got := messages(file); !slices.Equal(got, want.messages) {
				t.Errorf("the messages are %q, want %q", got, want.messages)
			}
		})
	}
}

func methods(file protoreflect.FileDescriptor) []string {
	var list []string
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		for j := range service.Methods().Len() {
			m := service.Methods().Get(j)
			list = append(list, fmt.Sprintf("%s(%s) %s", m.Name(), m.Input().Name(), m.Output().Name()))
		}
	}
	return list
}

func messages(file protoreflect.FileDescriptor) []string {
	var list []string
	for i := range file.Messages().Len() {
		message := file.Messages().Get(i)
		var fields []string
		for j := range message.Fields().Len() {
			field := message.Fields().Get(j)
			kind := field.Kind().String()
			if field.IsList() {
				kind = "repeated " + kind
			}
			fields = append(fields, fmt.Sprintf("%s=%d %s", field.Name(), field.Number(), kind))
		}
		list = append(list, fmt.Sprintf("%s{%s}", message.Name(), strings.Join(fields, " ")))
	}
	return list
}

// A client that knows nothing but what the server says about itself must get along.
func TestDynamicClient(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, c := range []struct{ service, method, request, answer string }{
		{"delay.DelayService", "Delay", `{"seconds": "-3"}`, `{"message": "-3"}`},
		{"echo.EchoService", "Echo", `{"body": "hello"}`, `{"body": "hello"}`},
		{"env.EnvService", "Env", `{}`, `{"envVars": ["B=2", "A=1", "KEY=********"]}`},
		{"status.StatusService", "Status", `{"code": "Ok"}`, `{"status": "Ok"}`},
		{"version.VersionService", "Version", `{}`, `{"version": "6.15.0", "commit": "abc123"}`},
	} {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			method := describe(t, r.conn, c.service).Methods().ByName(protoreflect.Name(c.method))
			request, got, want := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output()),
				dynamicpb.NewMessage(method.Output())
			for message, text := range map[proto.Message]string{request: c.request, want: c.answer} {
				if err := protojson.Unmarshal([]byte(text), message); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.conn.Invoke(within(t), "/"+c.service+"/"+c.method, request, got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// describe asks the server's reflection, version 1, for a service.
func describe(t *testing.T, conn *grpc.ClientConn, service string) protoreflect.ServiceDescriptor {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(within(t))
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	raw := answer.GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(raw) != 1 {
		t.Fatalf("reflection answers %v for %s, want one file", answer, service)
	}
	var descriptor descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(raw[0], &descriptor); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(&descriptor, &protoregistry.Files{})
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().ByName(protoreflect.FullName(service).Name())
}

func TestReflectionVersions(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	want := []string{
		"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
	}
	for service := range wire {
		want = append(want, service)
	}
	slices.Sort(want)
	for _, version := range []string{"v1", "v1alpha"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			if got := services(t, r.conn, version); !slices.Equal(got, want) {
				t.Errorf("reflection lists %q, want %q", got, want)
			}
		})
	}
}

// services asks a version of the reflection service for all services. The versions differ in nothing but their names,
// so the messages of v1 do for both.
func services(t *testing.T, conn *grpc.ClientConn, version string) []string {
	t.Helper()
	kind := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(within(t), kind, "/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo")
	if err != nil {
		t.Fatal(err)
	}
	err = stream.SendMsg(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer reflectionv1.ServerReflectionResponse
	if err := stream.RecvMsg(&answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	slices.Sort(names)
	return names
}

// rawCodec sends and receives bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = slices.Clone(data)
	return nil
}
func (rawCodec) Name() string { return "proto" }

// callRaw makes a call with any bytes as its message.
func callRaw(t *testing.T, r *rig, method, body string) error {
	t.Helper()
	request, answer := []byte(body), []byte(nil)
	return r.conn.Invoke(within(t), method, &request, &answer, grpc.ForceCodec(rawCodec{}))
}

// Whatever bytes a client sends, the call gets a status and the server goes on.
func TestBrokenMessages(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, c := range []struct {
		name, method, body string
		code               codes.Code
	}{
		{"cut off", "/echo.EchoService/Echo", "\x0a\x05he", codes.Internal},
		{"not UTF-8", "/echo.EchoService/Echo", "\x0a\x01\xff", codes.Internal},
		{"wrong wire type", "/delay.DelayService/Delay", "\x0a\x01x", codes.OK}, // an unknown field to protobuf
		{"unknown field", "/version.VersionService/Version", "\x7a\x01x", codes.OK},
		{"unknown method", "/echo.EchoService/Shout", "", codes.Unimplemented},
		{"unknown service", "/shout.ShoutService/Echo", "", codes.Unimplemented},
		{"no service", "/Echo", "", codes.Unimplemented},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := callRaw(t, r, c.method, c.body)
			if status.Code(err) != c.code {
				t.Errorf("the call ended with %v, want %s", err, c.code)
			}
		})
	}
}
