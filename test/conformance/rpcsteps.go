package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// overGRPC is a step that needs a connection to the gRPC server.
func overGRPC(talk func(*session, *grpc.ClientConn) error) Step {
	return step(func(s *session) error {
		conn, err := s.grpc()
		if err != nil {
			return err
		}
		defer conn.Close()
		return talk(s, conn)
	})
}

// healthOf wants the health of a service to be this.
func healthOf(service string, want healthpb.HealthCheckResponse_ServingStatus) Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		answer, err := healthpb.NewHealthClient(conn).Check(s.ctx, &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			return fmt.Errorf("the gRPC health of %q: %w", service, err)
		}
		return differ(fmt.Sprintf("the gRPC health of %q", service), answer.GetStatus().String(), want.String())
	})
}

// noHealthOf wants a service to be unknown.
func noHealthOf(service string) Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		_, err := healthpb.NewHealthClient(conn).Check(s.ctx, &healthpb.HealthCheckRequest{Service: service})
		got := grpcstatus.Convert(err)
		if got.Code() == codes.NotFound && got.Message() == "unknown service" {
			return nil
		}
		return fmt.Errorf("the gRPC health of %q is answered with %s %q, want NotFound and \"unknown service\"",
			service, got.Code(), got.Message())
	})
}

func listsHealth() Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		answer, err := healthpb.NewHealthClient(conn).List(s.ctx, &healthpb.HealthListRequest{})
		if err != nil {
			return fmt.Errorf("listing the gRPC health: %w", err)
		}
		whole := answer.GetStatuses()[""].GetStatus()
		if len(answer.GetStatuses()) < 2 || whole != healthpb.HealthCheckResponse_SERVING {
			return fmt.Errorf(`the gRPC health is %v, want "" and the service's name, both SERVING`, answer.GetStatuses())
		}
		return nil
	})
}

func watchesHealth() Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		watch, err := healthpb.NewHealthClient(conn).Watch(s.ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return fmt.Errorf("watching the gRPC health: %w", err)
		}
		first, err := watch.Recv()
		if err != nil {
			return fmt.Errorf("watching the gRPC health: %w", err)
		}
		return differ("the gRPC health that a watcher sees", first.GetStatus().String(), "SERVING")
	})
}

// Services returns the full names of the gRPC services.
func Services() []string {
	names := []string{
		"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
	}
	for _, s := range services() {
		names = append(names, s.pkg+"."+s.name)
	}
	slices.Sort(names)
	return names
}

func listsServices(got []string) error {
	for _, want := range Services() {
		if !slices.Contains(got, want) {
			return fmt.Errorf("reflection lists %q, and not %s", got, want)
		}
	}
	return nil
}

func reflectsV1() Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		answer, err := reflectOn(s, conn, &reflectv1.ServerReflectionRequest{
			MessageRequest: &reflectv1.ServerReflectionRequest_ListServices{},
		})
		if err != nil {
			return err
		}
		var names []string
		for _, service := range answer.GetListServicesResponse().GetService() {
			names = append(names, service.GetName())
		}
		return listsServices(names)
	})
}

// reflectsV1Alpha asks in the version that clients of long ago know.
//
//nolint:staticcheck // It is deprecated, and has to work all the same.
func reflectsV1Alpha() Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		stream, err := reflectv1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(s.ctx)
		if err != nil {
			return fmt.Errorf("reflection: %w", err)
		}
		if err := stream.Send(&reflectv1alpha.ServerReflectionRequest{
			MessageRequest: &reflectv1alpha.ServerReflectionRequest_ListServices{},
		}); err != nil {
			return fmt.Errorf("reflection: %w", err)
		}
		answer, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("reflection: %w", err)
		}
		var names []string
		for _, service := range answer.GetListServicesResponse().GetService() {
			names = append(names, service.GetName())
		}
		return listsServices(names)
	})
}

// reflectOn asks one question of the reflection service.
func reflectOn(
	s *session, conn *grpc.ClientConn, question *reflectv1.ServerReflectionRequest,
) (*reflectv1.ServerReflectionResponse, error) {
	stream, err := reflectv1.NewServerReflectionClient(conn).ServerReflectionInfo(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}
	if err := stream.Send(question); err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}
	if e := answer.GetErrorResponse(); e != nil {
		return nil, fmt.Errorf("reflection: %s", e.GetErrorMessage())
	}
	return answer, nil
}

// reflectedFiles compares what the server says about its services with what clients were built from.
func reflectedFiles() []Case {
	var cases []Case
	for _, service := range services() {
		cases = append(cases, it("describes "+service.file+" as clients know it",
			overGRPC(func(s *session, conn *grpc.ClientConn) error {
				answer, err := reflectOn(s, conn, &reflectv1.ServerReflectionRequest{
					MessageRequest: &reflectv1.ServerReflectionRequest_FileByFilename{FileByFilename: service.file},
				})
				if err != nil {
					return err
				}
				files := answer.GetFileDescriptorResponse().GetFileDescriptorProto()
				if len(files) == 0 {
					return errors.New("reflection answers without a file")
				}
				var got descriptorpb.FileDescriptorProto
				if err := proto.Unmarshal(files[0], &got); err != nil {
					return fmt.Errorf("the descriptor of %s: %w", service.file, err)
				}
				return differ(service.file, outline(&got), outline(service.descriptor()))
			})))
	}
	return cases
}

// outline writes down what of a file is seen on the wire.
func outline(file *descriptorpb.FileDescriptorProto) string {
	parts := map[string]string{}
	for _, service := range file.GetService() {
		for _, method := range service.GetMethod() {
			parts["rpc "+service.GetName()+"."+method.GetName()] = method.GetInputType() + " " + method.GetOutputType()
		}
	}
	for _, message := range file.GetMessageType() {
		var fields bytes.Buffer
		for _, field := range message.GetField() {
			fmt.Fprintf(&fields, "%s %s %s=%d;", field.GetLabel(), field.GetType(), field.GetName(), field.GetNumber())
		}
		parts["message "+message.GetName()] = fields.String()
	}
	lines := []string{file.GetName() + " package " + file.GetPackage()}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		lines = append(lines, name+": "+parts[name])
	}
	return strings.Join(lines, "\n")
}
