package adapter_test

import (
	"net/http"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// restEvent is the event of
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
const restEvent = `{
  "resource": "/my/path",
  "path": "/my/path",
  "httpMethod": "GET",
  "headers": {
    "header1": "value1",
    "header2": "value2"
  },
  "multiValueHeaders": {
    "header1": ["value1"],
    "header2": ["value1", "value2"]
  },
  "queryStringParameters": {
    "parameter1": "value1",
    "parameter2": "value"
  },
  "multiValueQueryStringParameters": {
    "parameter1": ["value1", "value2"],
    "parameter2": ["value"]
  },
  "requestContext": {
    "accountId": "123456789012",
    "apiId": "id",
    "authorizer": {"claims": null, "scopes": null},
    "domainName": "id.execute-api.us-east-1.amazonaws.com",
    "domainPrefix": "id",
    "extendedRequestId": "request-id",
    "httpMethod": "GET",
    "identity": {
      "accessKey": null,
      "accountId": null,
      "caller": null,
      "cognitoAuthenticationProvider": null,
      "cognitoAuthenticationType": null,
      "cognitoIdentityId": null,
      "cognitoIdentityPoolId": null,
      "principalOrgId": null,
      "sourceIp": "IP",
      "user": null,
      "userAgent": "user-agent",
      "userArn": null,
      "clientCert": {
        "clientCertPem": "CERT_CONTENT",
        "subjectDN": "www.example.com",
        "issuerDN": "Example issuer",
        "serialNumber": "a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1",
        "validity": {"notBefore": "May 28 12:30:02 2019 GMT", "notAfter": "Aug  5 09:36:04 2021 GMT"}
      }
    },
    "path": "/my/path",
    "protocol": "HTTP/1.1",
    "requestId": "id=",
    "requestTime": "04/Mar/2020:19:15:17 +0000",
    "requestTimeEpoch": 1583349317135,
    "resourceId": null,
    "resourcePath": "/my/path",
    "stage": "$default"
  },
  "pathParameters": null,
  "stageVariables": null,
  "body": "Hello from Lambda!",
  "isBase64Encoded": false
}`

func TestRESTAPIRequest(t *testing.T) {
	t.Parallel()
	request{
		method: "GET", host: "id.execute-api.us-east-1.amazonaws.com",
		uri: "/my/path?parameter1=value1&parameter1=value2&parameter2=value", path: "/my/path",
		query: "parameter1=value1&parameter1=value2&parameter2=value",
		// The document writes IP where an address belongs.
		remote: "0.0.0.0:0", body: "Hello from Lambda!",
		header: http.Header{"Header1": {"value1"}, "Header2": {"value1", "value2"}},
	}.check(t, capture(t, adapter.Options{}, restEvent))
}

// The parameters of a REST API arrive decoded, its path as it was sent.
func TestRESTAPIRequestEscaped(t *testing.T) {
	t.Parallel()
	request{
		method: "PUT", host: "api.example.com", uri: "/cache/a%2Fb%20c?a+b=%26%3D&flag=&q=%C3%A9", path: "/cache/a/b c",
		rawPath: "/cache/a%2Fb%20c", query: "a+b=%26%3D&flag=&q=%C3%A9", remote: "[2001:db8::1]:0", body: "\x00\xff",
		header: http.Header{"Cookie": {"a=1; b=2"}, "X-Forwarded-For": {"2001:db8::1, 192.0.2.7"}},
	}.check(t, capture(t, adapter.Options{}, `{"httpMethod":"PUT","path":"/cache/a%2Fb%20c","multiValueHeaders":{
		"Host":["api.example.com"],"cookie":["a=1; b=2"],"X-Forwarded-For":["2001:db8::1, 192.0.2.7"]},
		"headers":{"ignored":"yes"},"multiValueQueryStringParameters":{"q":["é"],"flag":[""],"a b":["&="]},
		"requestContext":{"stage":"prod","domainName":"api.example.com","identity":{"sourceIp":"2001:db8::1"}},
		"body":"AP8=","isBase64Encoded":true}`))
}

func TestRESTAPIPath(t *testing.T) {
	t.Parallel()
	event := func(version, domain, path string) string {
		return `{` + version + `"httpMethod":"GET","path":"` + path + `","requestContext":{"stage":"prod","domainName":"` +
			domain + `"}}`
	}
	const own, custom = "id.execute-api.eu-central-1.amazonaws.com", "api.example.com"
	for _, test := range []struct{ name, event, base, want string }{
		{"the stage is not in the path", event("", own, "/version"), "", "/version"},
		{"a path that looks like the stage is kept", event("", own, "/prod/x"), "", "/prod/x"},
		{"base path of a custom domain", event("", custom, "/shop/version"), "shop", "/version"},
		{"base path alone", event("", custom, "/shop"), "/shop/", "/"},
		{"base path as the beginning of a segment", event("", custom, "/shopping/x"), "/shop", "/shopping/x"},
		{"base path of two segments", event("", custom, "/shop/v1/x"), "/shop/v1", "/x"},
		{"format 1.0 of an HTTP API has the stage", event(`"version":"1.0",`, own, "/prod/x"), "", "/x"},
		{"format 1.0, a segment like the stage", event(`"version":"1.0",`, own, "/production/x"), "", "/production/x"},
		{"format 1.0 on a custom domain has none", event(`"version":"1.0",`, custom, "/prod/x"), "", "/prod/x"},
		{"two slashes are no host", event("", own, "//evil.example/x"), "", "//evil.example/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := capture(t, adapter.Options{BasePath: test.base}, test.event)
			if got.URL.Path != test.want || got.RequestURI != test.want {
				t.Errorf("path %q and RequestURI %q, want %q", got.URL.Path, got.RequestURI, test.want)
			}
		})
	}
}

func TestRESTAPIResponse(t *testing.T) {
	t.Parallel()
	d := invoke(t, answerEverything, adapter.Options{}, restEvent)
	want := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Sun, 06 Nov 1994 08:49:37 GMT"},
		"Set-Cookie": {"a=1; Path=/", "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT"}, "X-Two": {"one", "two"},
	}
	if d.StatusCode != http.StatusCreated || d.Body != "héllo" || d.IsBase64Encoded {
		t.Errorf("the document is %+v", d)
	}
	if len(d.Headers) != 0 || len(d.Cookies) != 0 || !sameHeader(d.MultiValueHeaders, want) {
		t.Errorf("multiValueHeaders are %v, want %v, and nothing in headers %v", d.MultiValueHeaders, want, d.Headers)
	}
}
