package adapter_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// httpEvent is the event of
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
const httpEvent = `{
  "version": "2.0",
  "routeKey": "$default",
  "rawPath": "/my/path",
  "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
  "cookies": ["cookie1", "cookie2"],
  "headers": {
    "header1": "value1",
    "header2": "value1,value2"
  },
  "queryStringParameters": {
    "parameter1": "value1,value2",
    "parameter2": "value"
  },
  "requestContext": {
    "accountId": "123456789012",
    "apiId": "api-id",
    "authentication": {
      "clientCert": {
        "clientCertPem": "CERT_CONTENT",
        "subjectDN": "www.example.com",
        "issuerDN": "Example issuer",
        "serialNumber": "a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1:a1",
        "validity": {"notBefore": "May 28 12:30:02 2019 GMT", "notAfter": "Aug  5 09:36:04 2021 GMT"}
      }
    },
    "authorizer": {
      "jwt": {
        "claims": {"claim1": "value1", "claim2": "value2"},
        "scopes": ["scope1", "scope2"]
      }
    },
    "domainName": "id.execute-api.us-east-1.amazonaws.com",
    "domainPrefix": "id",
    "http": {
      "method": "POST",
      "path": "/my/path",
      "protocol": "HTTP/1.1",
      "sourceIp": "192.0.2.1",
      "userAgent": "agent"
    },
    "requestId": "id",
    "routeKey": "$default",
    "stage": "$default",
    "time": "12/Mar/2020:19:03:58 +0000",
    "timeEpoch": 1583348638390
  },
  "body": "Hello from Lambda",
  "pathParameters": {"parameter1": "value1"},
  "isBase64Encoded": false,
  "stageVariables": {"stageVariable1": "value1", "stageVariable2": "value2"}
}`

func TestHTTPAPIRequest(t *testing.T) {
	t.Parallel()
	request{
		method: "POST", host: "id.execute-api.us-east-1.amazonaws.com",
		uri: "/my/path?parameter1=value1&parameter1=value2&parameter2=value", path: "/my/path",
		query: "parameter1=value1&parameter1=value2&parameter2=value", remote: "192.0.2.1:0", body: "Hello from Lambda",
		header: http.Header{"Header1": {"value1"}, "Header2": {"value1,value2"}, "Cookie": {"cookie1; cookie2"}},
	}.check(t, capture(t, adapter.Options{}, httpEvent))
}

// The library splits what is not in its list of single headers at commas; a date is in two then.
func TestHTTPAPIHeadersAreNotSplit(t *testing.T) {
	t.Parallel()
	got := capture(t, adapter.Options{}, `{"version":"2.0","rawPath":"/","headers":{"host":"api.example.com",
		"if-range":"Sun, 06 Nov 1994 08:49:37 GMT","x-forwarded-for":"192.0.2.1, 192.0.2.2","x-null":null,
		"transfer-encoding":"chunked"},"cookies":["a=1","b=\"x, y\""],"requestContext":{"http":{"method":"GET"}}}`)
	want := http.Header{
		"If-Range": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-Forwarded-For": {"192.0.2.1, 192.0.2.2"},
		"Cookie": {`a=1; b="x, y"`},
	}
	if !sameHeader(got.Header, want) || got.Host != "api.example.com" {
		t.Errorf("host %q and headers %v, want %v", got.Host, got.Header, want)
	}
	if cookies := got.Cookies(); len(cookies) != 2 {
		t.Errorf("the cookies are %v, want two", cookies)
	}
}

func TestHTTPAPIPath(t *testing.T) {
	t.Parallel()
	event := func(stage, domain, path string) string {
		return `{"version":"2.0","rawPath":"` + path + `","requestContext":{"stage":"` + stage + `","domainName":"` + domain +
			`","http":{"method":"GET","path":"/fallback"}}}`
	}
	const own, custom = "id.execute-api.eu-central-1.amazonaws.com", "api.example.com"
	for _, test := range []struct{ name, event, base, want, raw string }{
		{"default stage", event("$default", own, "/version"), "", "/version", ""},
		{"stage", event("prod", own, "/prod/version"), "", "/version", ""},
		{"stage alone", event("prod", own, "/prod"), "", "/", ""},
		{"the beginning of a segment is no stage", event("prod", own, "/production/x"), "", "/production/x", ""},
		{"the stage is stripped once", event("prod", own, "/prod/prod/x"), "", "/prod/x", ""},
		{"custom domain with the stage for its mapping", event("prod", custom, "/prod/x"), "", "/x", ""},
		{"custom domain and default stage", event("$default", custom, "/prod/x"), "", "/prod/x", ""},
		{"base path of a custom domain", event("prod", custom, "/shop/x"), "/shop", "/x", ""},
		{"no rawPath", event("$default", own, ""), "", "/fallback", ""},
		{"escaped", event("$default", own, "/cache/a%2Fb"), "", "/cache/a/b", "/cache/a%2Fb"},
		{"decoded", event("$default", own, "/cache/a b/ü/100%/?#"), "", "/cache/a b/ü/100%/?#", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := capture(t, adapter.Options{BasePath: test.base}, test.event)
			if got.URL.Path != test.want || got.URL.RawPath != test.raw || got.URL.RawQuery != "" {
				t.Errorf("URL %#v, want path %q and raw path %q", got.URL, test.want, test.raw)
			}
			if got.RequestURI != got.URL.EscapedPath() {
				t.Errorf("RequestURI %q, want %q", got.RequestURI, got.URL.EscapedPath())
			}
		})
	}
}

// TestPrefixThatNamesTheStage shows that a handler whose own prefix begins with the stage gets the whole path.
func TestPrefixThatNamesTheStage(t *testing.T) {
	t.Parallel()
	const domain = `"domainName":"id.execute-api.eu-central-1.amazonaws.com"`
	v2 := func(path string) string {
		return `{"version":"2.0","rawPath":"` + path + `","requestContext":{"stage":"prod",` + domain +
			`,"http":{"method":"GET"}}}`
	}
	v1 := func(path string) string {
		return `{"httpMethod":"GET","path":"` + strings.TrimPrefix(path, "/prod") + `","requestContext":{"stage":"prod",` +
			domain + `,"path":"` + path + `"}}`
	}
	for _, test := range []struct{ prefix, path, want string }{
		{"", "/prod/version", "/version"},
		{"/prod", "/prod/version", "/prod/version"},
		{"/prod/shop", "/prod/shop/version", "/prod/shop/version"},
		{"/shop", "/prod/shop/version", "/shop/version"},
		{"/shop", "/prod/version", "/version"},
		{"/prod", "/prod/prod/version", "/prod/version"}, // the handler's prefix behind the stage, as without the stage
		{"/pro", "/prod/version", "/version"},
	} {
		for name, event := range map[string]string{"format 2.0": v2(test.path), "format 1.0": v1(test.path)} {
			got := capture(t, adapter.Options{Prefix: test.prefix}, event)
			if got.URL.Path != test.want || got.RequestURI != test.want {
				t.Errorf("%s: %s under the prefix %q became path %q and RequestURI %q, want %q", name, test.path, test.prefix,
					got.URL.Path, got.RequestURI, test.want)
			}
		}
	}
}

func TestHTTPAPIQueryIsRaw(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"a=%20&b=1+2&a=%C3%A9": "a=%20&b=1+2&a=%C3%A9", "flag": "flag", "q=a b": "q=a%20b",
		"é=%zz;": "é=%zz;", "x=#y": "x=%23y",
	} {
		got := capture(t, adapter.Options{}, kinds()[adapter.HTTPAPI]("GET", "/", raw))
		if got.URL.RawQuery != want || got.RequestURI != "/?"+want {
			t.Errorf("%q became %q in %q, want %q", raw, got.URL.RawQuery, got.RequestURI, want)
		}
	}
}

// answerEverything answers with what goes wrong most easily: a date with a comma, cookies, a header twice.
func answerEverything(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("date", "Sun, 06 Nov 1994 08:49:37 GMT")
	w.Header().Add("Set-Cookie", "a=1; Path=/")
	w.Header().Add("Set-Cookie", "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT")
	w.Header().Add("X-Two", "one")
	w.Header().Add("X-Two", "two")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "héllo")
}

func sameHeader(got map[string][]string, want http.Header) bool {
	return maps.EqualFunc(got, want, slices.Equal)
}

// checkV2 wants the answer of answerEverything in a document of format 2.0.
func checkV2(t *testing.T, d document) {
	t.Helper()
	want := map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Date": "Sun, 06 Nov 1994 08:49:37 GMT", "X-Two": "one,two",
	}
	cookies := []string{"a=1; Path=/", "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT"}
	if d.StatusCode != http.StatusCreated || !maps.Equal(d.Headers, want) || !slices.Equal(d.Cookies, cookies) {
		t.Errorf("the document is %+v, want headers %v and cookies %v", d, want, cookies)
	}
}

func TestHTTPAPIResponse(t *testing.T) {
	t.Parallel()
	d := invoke(t, answerEverything, adapter.Options{}, httpEvent)
	checkV2(t, d)
	if d.Body != "héllo" || d.IsBase64Encoded || len(d.MultiValueHeaders) != 0 {
		t.Errorf("the document is %+v", d)
	}
}
