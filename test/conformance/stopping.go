package conformance

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// stopping is what clients see of a server that was asked to stop.
func stopping() []Group {
	const delay, theme = "--shutdown-delay=8s", "graceful stop"
	needs, drains := []Capability{Exit}, []Capability{Exit, Drain}
	draining := get("/readyz").soon(5*time.Second).want(status(503), body(""))
	return []Group{
		{Name: "stop", Theme: theme, Settings: []string{delay}, Needs: drains, Cases: []Case{
			it("fails the probes at once and serves on", terminate(), draining,
				get("/healthz").want(status(503), body("")),
				get("/version").want(status(200), textKeys("commit", "version")),
				post("/echo", "x").want(status(202), rawReply(), body("x"))),
			it("sends its clients away", get("/version").want(status(200), textKeys("commit", "version"), closes())).
				needs(RawHTTP).differs("keeps the connections until they break"),
			it("leaves the probe of the metrics port alone",
				get("/healthz").at(telemetry).want(status(200), body("OK"))).needs(MetricsWeb),
			it("ends well", exits(0)),
		}},
		{Name: "stop for the impatient", Theme: theme, Needs: drains,
			Settings: []string{"--shutdown-delay=20s"}, Cases: []Case{
				it("ends at once when asked twice", terminate(), draining, terminate(), exits(1)),
			}},
		{Name: "stop with gRPC", Theme: theme, Settings: []string{delay}, Needs: drains, Cases: []Case{
			it("tells watchers and checkers, and is not held up by them", watchUntilStopped(), exits(0)).needs(GRPC).
				differs("keeps serving and never ends while somebody watches"),
		}},
		{Name: "stop with a request in flight", Theme: theme, Fresh: true, Needs: needs, Cases: []Case{
			it("answers it", answeredMeanwhile(get("/delay/2").want(status(200), jsonIs(`{"delay": 2}`))), exits(0)),
		}},
		{Name: "stop with a small budget", Theme: theme,
			Settings: []string{"--shutdown-delay=1s", "--server-shutdown-timeout=4s"}, Needs: needs, Cases: []Case{
				it("counts it from the end of the delay",
					answeredMeanwhile(get("/delay/4").want(status(200), jsonIs(`{"delay": 4}`))), exits(0)).
					differs("counts the delay, too, and cuts the request"),
			}},
		{Name: "stop with a websocket", Theme: theme, Fresh: true, Needs: needs,
			Cases: []Case{
				it("says goodbye", talking(sayText("hello"), hearEcho(`"hello"`), func(c *socket) error {
					return c.target.Terminate()
				}, hearClose(1001, "")), exits(0)).needs(WebSocket).differs("drops it"),
			}},
	}
}

// terminate asks the server to stop.
func terminate() Step {
	return step(func(s *session) error {
		if err := s.target.Terminate(); err != nil {
			return fmt.Errorf("asking the server to stop: %w", err)
		}
		return nil
	})
}

// answeredMeanwhile sends a request, asks the server to stop while it is in flight, and wants it to be answered.
func answeredMeanwhile(r request) Step {
	return step(func(s *session) error {
		done := make(chan error, 1)
		go func() { done <- r.do(s) }()
		wait(s.ctx, time.Second) // for the request to arrive: nothing shows from outside that it has
		stopErr := s.target.Terminate()
		return errors.Join(<-done, stopErr)
	})
}

// watchUntilStopped watches the gRPC health while the server is asked to stop.
func watchUntilStopped() Step {
	return overGRPC(func(s *session, conn *grpc.ClientConn) error {
		client := healthpb.NewHealthClient(conn)
		watch, err := client.Watch(s.ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return fmt.Errorf("watching the gRPC health: %w", err)
		}
		seen := func(want healthpb.HealthCheckResponse_ServingStatus) error {
			got, err := watch.Recv()
			if err != nil {
				return fmt.Errorf("the watcher of the gRPC health is cut off before it sees %s: %w", want, err)
			}
			return differ("the gRPC health that a watcher sees", got.GetStatus().String(), want.String())
		}
		if err := seen(healthpb.HealthCheckResponse_SERVING); err != nil {
			return err
		}
		if err := s.target.Terminate(); err != nil {
			return fmt.Errorf("asking the server to stop: %w", err)
		}
		if err := seen(healthpb.HealthCheckResponse_NOT_SERVING); err != nil {
			return err
		}
		return healthOf("", healthpb.HealthCheckResponse_NOT_SERVING).do(s)
	})
}
