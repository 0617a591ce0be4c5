package lambda_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestEmulator holds the stand-in against AWS's own Runtime Interface Emulator, where there is one: both have to come
// to the same with the same events.
//
// The emulator is part of the base images for Lambda and of no Go module, so it cannot be installed beside the tests.
// That is why its absence fails nobody, not even with PODINFO_REQUIRE_ALL.
// https://github.com/aws/aws-lambda-runtime-interface-emulator
func TestEmulator(t *testing.T) {
	t.Parallel()
	emulator, err := exec.LookPath("aws-lambda-rie")
	if err != nil {
		t.Skipf("SKIPPED %s: needs aws-lambda-rie, which comes with AWS's images only", t.Name())
	}
	ports := testkit.FreePorts(t, 2)
	front := net.JoinHostPort("127.0.0.1", ports[0])
	testkit.Exec(t, emulator, []string{
		"--runtime-interface-emulator-address", front, "--runtime-api-address", net.JoinHostPort("127.0.0.1", ports[1]),
		testkit.Build(t, "test/platform/lambda/testdata/function"),
	}, []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_FUNCTION_TIMEOUT=30"})
	testkit.Eventually(t, patience, "the emulator to listen", func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", front)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	f := start(t, lambda.Options{})
	for _, payload := range []string{
		`{"do":"answer","answer":{"a":[1,2]}}`, `{"do":"fail"}`, `{"do":"stream","plain":true,"parts":["one","two"]}`,
	} {
		got := send(t, http.MethodPost, "http://"+front+"/2015-03-31/functions/function/invocations", nil, []byte(payload))
		want := string(invoke(t, f, payload).Body)
		if strings.TrimSpace(got.body) != strings.TrimSpace(want) {
			t.Errorf("%s: the emulator answers %s, the stand-in %s", payload, got.body, want)
		}
		if strings.Contains(payload, "fail") && !json.Valid([]byte(got.body)) {
			t.Errorf("the emulator's error object is %s", got.body)
		}
	}
}
