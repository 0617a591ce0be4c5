package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"
)

// call is a step that makes one gRPC call, with messages built from the descriptors of api.go and written as JSON.
// ${name} is expanded in message and metadata.
type call struct {
	method   string // "echo.EchoService/Echo"
	message  string
	metadata []string // names and values in turn
	timeout  time.Duration
	checks   []callCheck
}

// callCheck looks at one side of a reply and says in words what is wrong with it.
type callCheck func(*reply) error

// reply is what came of a call.
type reply struct {
	*session
	status  *grpcstatus.Status
	message string // as JSON, "" after an error
	took    time.Duration
}

func calling(method, message string) call { return call{method: method, message: message} }

// with adds metadata.
func (c call) with(name, value string) call {
	c.metadata = append(slices.Clip(c.metadata), name, value)
	return c
}

// within sets the deadline that the caller gives.
func (c call) within(timeout time.Duration) call {
	c.timeout = timeout
	return c
}

func (c call) want(checks ...callCheck) call {
	c.checks = append(slices.Clip(c.checks), checks...)
	return c
}

func (c call) requests() string { return "CALL " + c.method }

func (c call) do(s *session) error {
	conn, err := s.grpc()
	if err != nil {
		return err
	}
	defer conn.Close()
	method, err := s.api.method(c.method)
	if err != nil {
		return fmt.Errorf("the table itself is wrong: %w", err)
	}
	in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := protojson.Unmarshal([]byte(s.expand(c.message)), in); err != nil {
		return fmt.Errorf("the table itself is wrong: %w", err)
	}
	ctx := s.ctx
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	for pair := range slices.Chunk(c.metadata, 2) {
		ctx = metadata.AppendToOutgoingContext(ctx, pair[0], s.expand(pair[1]))
	}
	began := time.Now()
	err = conn.Invoke(ctx, "/"+c.method, in, out)
	r := &reply{session: s, status: grpcstatus.Convert(err), took: time.Since(began)}
	if err == nil {
		text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(out)
		if err != nil {
			return fmt.Errorf("the reply of %s: %w", c.method, err)
		}
		r.message = string(text)
	}
	return r.judge(c)
}

// grpc returns a connection to the server. Nothing is sent before the first call.
func (s *session) grpc() (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+s.target.GRPCAddr,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("the gRPC address %q: %w", s.target.GRPCAddr, err)
	}
	return conn, nil
}

func (r *reply) judge(c call) error {
	var wrong []string
	for _, check := range c.checks {
		if err := check(r); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("calling %s with %s\n- %s\nThe reply was:\n    %s %q\n    %s",
		c.method, r.expand(c.message), strings.Join(wrong, "\n- "), r.status.Code(), r.status.Message(), r.message)
}

// ok checks that the call succeeded with exactly this message; fields that are not given are empty.
func ok(want string) callCheck {
	return func(r *reply) error {
		if err := code(codes.OK)(r); err != nil {
			return err
		}
		var got, wanted map[string]any
		if err := errors.Join(json.Unmarshal([]byte(r.message), &got),
			json.Unmarshal([]byte(r.expand(want)), &wanted)); err != nil {
			return err
		}
		for name, value := range got {
			if _, given := wanted[name]; !given && value == "" {
				delete(got, name)
			}
		}
		if reflect.DeepEqual(got, wanted) {
			return nil
		}
		return fmt.Errorf("the reply is %s, want %s", compact(got), compact(wanted))
	}
}

// code checks the status code alone.
func code(want codes.Code) callCheck {
	return func(r *reply) error {
		if r.status.Code() == want {
			return nil
		}
		return fmt.Errorf("the code is %s, want %s", r.status.Code(), want)
	}
}

// fails checks that the call failed with this code and a message that contains words.
func fails(want codes.Code, words string) callCheck {
	return func(r *reply) error {
		if err := code(want)(r); err != nil {
			return err
		}
		if strings.Contains(r.status.Message(), words) {
			return nil
		}
		return fmt.Errorf("the message is %q, want it to contain %q", r.status.Message(), words)
	}
}

// failsSilently checks that the call failed with this code and no message.
func failsSilently(want codes.Code) callCheck {
	return func(r *reply) error {
		if err := code(want)(r); err != nil {
			return err
		}
		return differ("the message", r.status.Message(), "")
	}
}

// member checks that the reply has a string under name that matches all of pattern.
func member(name, pattern string) callCheck {
	return func(r *reply) error {
		var got map[string]any
		_ = json.Unmarshal([]byte(r.message), &got) // without a reply there is no member either
		value, is := got[name].(string)
		if is && regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(value) {
			return nil
		}
		return fmt.Errorf("%s is %v, want it to match %s", name, got[name], pattern)
	}
}

// among checks that the reply has a list under name that holds all these strings.
func among(name string, wanted ...string) callCheck {
	return func(r *reply) error {
		list := r.list(name)
		for _, want := range wanted {
			if !slices.Contains(list, r.expand(want)) {
				return fmt.Errorf("%s does not hold %q", name, r.expand(want))
			}
		}
		return nil
	}
}

// list returns the list of strings under name, none without a reply.
func (r *reply) list(name string) []string {
	var got map[string]any
	_ = json.Unmarshal([]byte(r.message), &got)
	values, _ := got[name].([]any)
	var list []string
	for _, value := range values {
		list = append(list, fmt.Sprint(value))
	}
	return list
}

// keep stores a string of the reply for the steps that follow, as ${as}.
func keep(as, name string) callCheck {
	return func(r *reply) error {
		var got map[string]any
		_ = json.Unmarshal([]byte(r.message), &got)
		value, is := got[name].(string)
		if !is {
			return fmt.Errorf("the reply has no %s", name)
		}
		r.vars[as] = value
		return nil
	}
}

func soonerThan(most time.Duration) callCheck {
	return func(r *reply) error {
		if r.took < most {
			return nil
		}
		return fmt.Errorf("the call took %s, want less than %s", r.took.Round(time.Millisecond), most)
	}
}

func laterThan(least time.Duration) callCheck {
	return func(r *reply) error {
		if r.took >= least {
			return nil
		}
		return fmt.Errorf("the call took %s, want at least %s", r.took.Round(time.Millisecond), least)
	}
}
