package lambda

import "github.com/podinfo-targets/podinfo/test/conformance"

// Limits returns what a function cannot do behind this front door whatever its code, with the reason for each, a
// clause. It is what Lacks of a conformance.Target asks for.
func (s Shape) Limits() map[conformance.Capability]string {
	limits := map[conformance.Capability]string{
		// https://www.rfc-editor.org/rfc/rfc9110#section-15
		conformance.AnyStatus: "front doors are documented for the status codes of HTTP only, which end at 599",
		// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-invoke
		conformance.Background: "Lambda freezes the process between invocations",
		// https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
		conformance.GRPC: "an event carries one whole HTTP request, and its answer no trailers",
		// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
		conformance.HangUp: "a synchronous invocation runs on when its caller leaves, and is not told",
		// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
		conformance.LargeBody: "Lambda takes events of 6 MB at most",
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#respond-to-load-balancer
		conformance.RawHTTP: "the front door ends the client's connection and writes HTTP by itself",
	}
	for name, reason := range s.own() {
		limits[name] = reason
	}
	return limits
}

// own returns the limits in which the front doors differ.
func (s Shape) own() map[conformance.Capability]string {
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
	const commas = "the values by one name arrive as one, joined by commas"
	const whole = "the function's response is collected before the client gets any of it"
	const renamed = "WWW-Authenticate is renamed to x-amzn-Remapped-WWW-Authenticate on its way to the client"
	switch s {
	case RESTAPI:
		return map[conformance.Capability]string{
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
			conformance.Challenge: renamed,
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
			conformance.OwnPath: "the stage comes before each path and is taken away, so that redirects, documents and the " +
				"page lead past it; a PODINFO_PREFIX that names the stage, or a custom domain, mends that",
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
			conformance.LongHeader: "a REST API takes headers of 10,240 bytes at most, all together",
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-method-settings.html
			conformance.AnyMethod: "the method ANY of a REST API stands for DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT",
			conformance.Streaming: whole,
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
			conformance.WebSocket: "a REST API hands on single requests; websockets take an API of their own kind",
		}
	case HTTPAPI:
		return map[conformance.Capability]string{
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
			conformance.LongHeader: "an HTTP API takes headers of 10,240 bytes at most, all together",
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
			conformance.RepeatedHeader: commas,
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
			conformance.AnyMethod: "the method ANY of an HTTP API stands for DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT",
			// https://github.com/hotsock/voker/pull/8, see decodedPath
			conformance.RawPath:   "an HTTP API decodes the path before the function gets it",
			conformance.Streaming: whole,
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
			conformance.WebSocket: "an HTTP API hands on single requests; websockets take an API of their own kind",
		}
	case FunctionURL, FunctionURLStream:
		limits := map[conformance.Capability]string{
			// Seen, not read.
			conformance.Challenge: renamed,
			// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload
			conformance.RepeatedHeader: commas,
			conformance.AnyMethod:      "a function URL hands on DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT",
			// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
			conformance.WebSocket: "a function URL hands on single requests",
		}
		if s == FunctionURL {
			limits[conformance.Streaming] = whole
		}
		return limits
	default:
		limits := map[conformance.Capability]string{
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
			conformance.Upgrade: "a load balancer itself answers upgrade requests for a function with 400",
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
			conformance.LargeBody: "a load balancer takes bodies of 1 MB at most for a function",
			conformance.MegaBody:  "a load balancer takes responses of 1 MB at most, with the JSON around the body",
			conformance.Streaming: whole,
			conformance.WebSocket: "a load balancer answers upgrade requests for a function with 400",
			// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
			conformance.LongHeader: "a load balancer takes headers of 16 kB at most, and 64 kB all together",
		}
		if s == ALB {
			limits[conformance.RepeatedHeader] =
				"of the values by one name the last one arrives, unless multi-value headers are on"
		}
		return limits
	}
}
