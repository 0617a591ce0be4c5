package conformance

import "google.golang.org/grpc/codes"

// readOnly is a server whose clients may neither end it nor turn its switches.
func readOnly() []Group {
	const established = "does not know the setting"
	refused := errorObject(403, "--read-only", "PODINFO_READ_ONLY")
	return []Group{
		{Name: "read only", Settings: []string{"--read-only=true"}, Routes: []string{
			"/fault_injection/disable", "/fault_injection/enable", "/fault_injection/status", "/panic", "/readyz/disable",
			"/readyz/enable",
		}, Cases: []Case{
			it("leaves readiness as it is", post("/readyz/disable", "").want(refused), post("/readyz/enable", "").want(refused),
				get("/readyz").want(status(200), jsonIs(isOK))).differs(established),
			it("injects no faults, and says so", post("/fault_injection/enable", "").want(refused),
				post("/fault_injection/disable", "").want(refused),
				get("/fault_injection/status").want(status(200), jsonIs(disabled)),
				get("/version").want(status(200), textKeys("commit", "version"))).differs(established),
			it("does not end", get("/panic").want(refused), get("/healthz").want(status(200), jsonIs(isOK))).
				needs(Panic).differs(established),
			it("does not end over gRPC", calling("panic.PanicService/Panic", `{}`).want(code(codes.PermissionDenied)),
				get("/healthz").want(status(200), jsonIs(isOK))).needs(GRPC, Panic).differs(established),
		}},
	}
}
