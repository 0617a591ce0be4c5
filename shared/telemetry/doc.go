// Package telemetry is how podinfo is seen from outside while it runs: the Prometheus metrics that every target serves,
// and the OpenTelemetry traces, metrics and logs that a target pushes when a service name is configured.
//
// Metrics is the record of HTTP traffic. It owns a registry of its own, so that two of them live side by side in one
// process, and it is always on. Its hot path, Route.Observe, allocates nothing once a method and status were seen.
//
// Providers is OpenTelemetry. Without a service name there are none: Start returns nil, and every method of a nil
// *Providers answers with the thing that costs nothing (the handler it was given, a no-op provider). The exporters are
// injected by the target, because a target that must stay small cannot link all of them: see the packages otlp (gRPC
// and HTTP) and otlphttp (HTTP only) beneath this one.
//
// Nothing here touches OpenTelemetry's global providers.
package telemetry
