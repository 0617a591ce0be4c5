package conformance

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// rpcs are the gRPC services.
func rpcs() []Group {
	tokens, health := []string{"token.TokenService"}, []string{"grpc.health.v1.Health"}
	return []Group{
		{Name: "gRPC", Services: []string{
			"echo.EchoService", "version.VersionService", "info.InfoService", "env.EnvService", "header.HeaderService",
			"delay.DelayService",
		}, Needs: []Capability{GRPC}, Cases: []Case{
			it("echoes", calling("echo.EchoService/Echo", `{"body": "hello <you> é"}`).want(ok(`{"body": "hello <you> é"}`)),
				calling("echo.EchoService/Echo", `{}`).want(ok(`{}`))),
			it("tells its version", get("/version").want(status(200), save("version", "version"), save("commit", "commit")),
				calling("version.VersionService/Version", `{}`).
					want(ok(`{"version": "${version}", "commit": "${commit}"}`))),
			it("tells the same as /api/info", get("/api/info").want(status(200), save("hostname", "hostname"),
				save("version", "version"), save("revision", "revision"), save("runtime", "runtime")),
				calling("info.InfoService/Info", `{}`).want(code(codes.OK), expandedMember("hostname", "hostname"),
					expandedMember("version", "version"), expandedMember("revision", "revision"),
					expandedMember("runtime", "runtime"), member("goos", "[a-z]+"), member("goarch", "[a-z0-9]+"),
					member("color", ".+"), member("logo", ".+"), member("message", ".+"),
					member("numgoroutine", `\d+`), member("numcpu", `[1-9]\d*`))),
			it("lists variables", calling("env.EnvService/Env", `{}`).want(code(codes.OK), startsLike("envVars", "PATH="))),
			it("shows metadata", calling("header.HeaderService/Header", `{}`).with("x-several", "one").
				with("x-several", "two").want(code(codes.OK), among("headers", "x-several=one,two",
				"content-type=application/grpc"), startsLike("headers", ":authority="),
				startsLike("headers", "user-agent=grpc-go/"))),
			it("waits", calling("delay.DelayService/Delay", `{"seconds": 1}`).
				want(ok(`{"message": "1"}`), laterThan(time.Second))),
			it("does not wait for a negative time", calling("delay.DelayService/Delay", `{"seconds": -5}`).
				want(code(codes.OK), soonerThan(3*time.Second))),
			it("stops waiting at the caller's deadline", calling("delay.DelayService/Delay", `{"seconds": 60}`).
				within(300*time.Millisecond).want(code(codes.DeadlineExceeded), soonerThan(10*time.Second))),
		}},
		{Name: "gRPC status", Services: []string{"status.StatusService"}, Needs: []Capability{GRPC}, Cases: statusNames()},
		{Name: "gRPC token", Services: tokens, Needs: []Capability{GRPC}, Cases: []Case{
			it("is issued and validated", calling("token.TokenService/TokenGenerate", `{}`).want(code(codes.OK),
				member("message", "Token generated successfully"), member("expiresAt", expiryText),
				keep("jwt", "token"), keep("expires", "expiresAt")),
				validating("${jwt}").want(code(codes.OK), member("token", "anonymous"), expandedMember("expiresAt", "expires")),
				validating("Bearer ${jwt}").want(code(codes.OK), member("token", "anonymous"))),
			it("is accepted over HTTP as well", calling("token.TokenService/TokenGenerate", `{}`).
				want(code(codes.OK), keep("jwt", "token")), get("/token/validate").with("Authorization", "Bearer ${jwt}").
				want(status(200), fieldIs("token_name", "anonymous"))),
			it("is missed when there is none", calling("token.TokenService/TokenValidate", `{}`).
				want(fails(codes.Unauthenticated, "Authorization token not found in metadata"))),
			it("is refused when it is garbage",
				validating("garbage").want(fails(codes.Unauthenticated, "Unable to parse token")),
				validating("Bearer a.b.c").want(fails(codes.Unauthenticated, "Unable to parse token"))),
		}},
		{Name: "gRPC token of a known secret", Services: tokens, Needs: []Capability{GRPC},
			Settings: []string{"PODINFO_JWT_SECRET=" + theSecret}, Cases: forgedTokens()},
		{Name: "gRPC health", Services: health, Needs: []Capability{GRPC}, Cases: []Case{
			it("serves as a whole", healthOf("", healthpb.HealthCheckResponse_SERVING)),
			it("knows no other service", noHealthOf("no.such.Service")),
			it("lists what it serves", listsHealth()),
			it("tells watchers at once", watchesHealth()),
		}},
		{Name: "gRPC health by name", Services: health, Needs: []Capability{GRPC},
			Settings: []string{"--grpc-service-name=shop"}, Cases: []Case{
				it("serves under that name", healthOf("shop", healthpb.HealthCheckResponse_SERVING),
					healthOf("", healthpb.HealthCheckResponse_SERVING)),
				it("serves under no other", noHealthOf("podinfo")),
			}},
		{Name: "gRPC reflection", Services: []string{
			"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
		}, Needs: []Capability{GRPC}, Cases: append(reflectedFiles(),
			it("lists the services in version 1", reflectsV1()),
			it("lists the services in version 1alpha", reflectsV1Alpha()))},
		{Name: "gRPC panic", Services: []string{"panic.PanicService"}, Fresh: true,
			Needs: []Capability{GRPC, Exit, Panic}, Cases: []Case{
				it("ends the process", calling("panic.PanicService/Panic", `{}`).want(code(codes.Unavailable)), exits(255)).
					differs("exits with 225"),
			}},
		{Name: "gRPC that is withheld", Services: Services(), Cases: []Case{
			it("says why, over HTTP", post("/echo.EchoService/Echo", "\x00\x00\x00\x00\x00").
				with("Content-Type", "application/grpc").want(errorObject(501))).withheld(GRPC),
		}},
	}
}

const expiryText = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC`

func validating(token string) call {
	return calling("token.TokenService/TokenValidate", `{}`).with("authorization", token)
}

func forgedTokens() []Case {
	const established = "answers OK with a message"
	refused := func(name string, forge Step) Case {
		return it("refuses "+name, forge, validating("Bearer ${jwt}").want(code(codes.Unauthenticated)))
	}
	with := func(change jwt.MapClaims) Step { return step(signed(theSecret, claims(change))) }
	return []Case{
		it("accepts what others signed with it", with(nil), validating("${jwt}").want(code(codes.OK),
			member("token", "conformance"), member("expiresAt", expiryText))),
		refused("another secret", step(signed("another secret", claims(nil)))).differs(established),
		refused("an expired token", with(jwt.MapClaims{"exp": fromNow(-time.Minute)})).differs(established),
		refused("a token that is not valid yet", with(jwt.MapClaims{"nbf": fromNow(time.Minute)})),
		refused("another issuer", with(jwt.MapClaims{"iss": "somebody"})).differs("answers OK with nothing in it"),
		refused("a token that never expires", with(jwt.MapClaims{"exp": nil})).differs("accepts it or ends"),
		refused("a token without a signature",
			step(signedBy(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)))),
		it("still serves after all of them", calling("echo.EchoService/Echo", `{"body": "x"}`).want(ok(`{"body": "x"}`))),
	}
}

func statusNames() []Case {
	const method = "status.StatusService/Status"
	names := []struct {
		name string
		code codes.Code
	}{
		{"Canceled", codes.Canceled}, {"Unknown", codes.Unknown}, {"InvalidArgument", codes.InvalidArgument},
		{"DeadlineExceeded", codes.DeadlineExceeded}, {"NotFound", codes.NotFound},
		{"AlreadyExists", codes.AlreadyExists}, {"PermissionDenied", codes.PermissionDenied},
		{"ResourceExhausted", codes.ResourceExhausted}, {"FailedPrecondition", codes.FailedPrecondition},
		{"Aborted", codes.Aborted}, {"OutOfRange", codes.OutOfRange}, {"Unimplemented", codes.Unimplemented},
		{"Internal", codes.Internal}, {"Unavailable", codes.Unavailable}, {"DataLoss", codes.DataLoss},
		{"Unauthenticated", codes.Unauthenticated},
	}
	cases := []Case{it("answers with Ok", calling(method, `{"code": "Ok"}`).want(code(codes.OK)))}
	for _, n := range names {
		cases = append(cases,
			it("answers with "+n.name, calling(method, `{"code": "`+n.name+`"}`).want(failsSilently(n.code))))
	}
	other := func(name string) Step {
		return calling(method, `{"code": "`+name+`"}`).want(code(codes.InvalidArgument), explains())
	}
	return append(cases, it("refuses other names", other("OK"), other("ok"), other("5"), other("")).
		differs("answers with Unknown"))
}

// explains checks that an error has a message.
func explains() callCheck {
	return func(r *reply) error {
		if r.status.Message() != "" {
			return nil
		}
		return errors.New("the error has no message")
	}
}

// expandedMember checks that the reply has under name what the case saved as variable.
func expandedMember(name, variable string) callCheck {
	return func(r *reply) error { return member(name, regexp.QuoteMeta(r.vars[variable]))(r) }
}

// startsLike checks that some string in a list starts with start.
func startsLike(name, start string) callCheck {
	return func(r *reply) error {
		if slices.ContainsFunc(r.list(name), func(s string) bool { return strings.HasPrefix(s, start) }) {
			return nil
		}
		return fmt.Errorf("nothing in %s starts with %q", name, start)
	}
}
