package kubernetes

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

const (
	pluginPoll = "2s" // the chart's default
	// pluginsFollow is what a pod may take to act on a change of the volume: two polls, and a second for the start.
	pluginsFollow = 2*2*time.Second + time.Second

	echoFile   = "protocol-grpc-echo"
	adminToken = "only-this-test-knows-it"
)

// TestPlugins has two pods share one volume of plugins. What a job has installed serves in both; a new file is live, a
// changed one reloaded and a removed one gone in both within two polls and a second; and a plugin that is killed in one
// pod is started again there, and the other does not notice. No request is lost by all that.
func TestPlugins(t *testing.T) {
	t.Parallel()
	r := release{kube.NewNamespace(t)}
	volume := r.NewVolume(t, "plugins")
	r.Kubectl(t, "create", "secret", "generic", "operators", "--from-literal=token="+adminToken)
	r.install(t, helmChart, quickProbes, "--set=replicaCount=2", "--set=plugins.enabled=true",
		"--set=plugins.existingClaim="+volume.Claim, "--set=plugins.adminToken.existingSecret=operators",
		"--set=plugins.install.image="+kube.PluginsImage, "--set=plugins.pollInterval="+pluginPoll)
	pods := pluginPods(t, r)
	installed(t, pods)
	managed(t, pods[0])

	volume.Install(t, "one", echoFile)
	follow(t, pods, "a new file", func(s contract.Status) bool { return serves(s, "one") })
	load := r.Load(t, kube.LoadOptions{
		URL: "http://" + r.get(t, "service/"+helmFullname, ".spec.clusterIP") + ":9898/plugins/" + echoFile + "/encode",
		// What answers is the plugin, in the pod that it names.
		Body: "hello", CountBy: "^((?:one|two) " + helmFullname + "-[-0-9a-z]+)$",
	})
	volume.Install(t, "two", echoFile)
	follow(t, pods, "a changed file", func(s contract.Status) bool { return serves(s, "two") })
	load.More(t, 50)
	killed(t, r, pods)
	load.More(t, 50)
	report := load.StopWithoutLoss(t)
	for _, pod := range pods {
		for _, version := range []string{"one", "two"} {
			if report.By[version+" "+pod.name] == 0 {
				t.Errorf("version %s of %s has answered nothing: %v", version, pod.name, report.By)
			}
		}
	}

	volume.Shell(t, "rm $dir/"+echoFile)
	follow(t, pods, "a removed file", func(s contract.Status) bool { return s.Name == "" })
	restricted(t, r)
}

// pluginPod is one of podinfo's pods, and where it is reached.
type pluginPod struct{ name, url string }

func pluginPods(t *testing.T, r release) []pluginPod {
	t.Helper()
	var found []pluginPod
	for _, pod := range r.pods(t) {
		found = append(found, pluginPod{pod, "http://" + r.Forward(t, "pod/"+pod, 9898)})
	}
	if len(found) != 2 {
		t.Fatalf("there are the pods %v, want two", found)
	}
	return found
}

// plugin returns what the pod tells about a plugin, or nothing when it knows none of that name.
func (p pluginPod) plugin(t *testing.T, name string) contract.Status {
	t.Helper()
	status, body := ask(t, plain(), http.MethodGet, p.url+"/plugins/"+name, "")
	var told contract.Status
	if status == http.StatusNotFound {
		return told
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK {
		t.Fatalf("%s tells of %s %d %s: %v", p.name, name, status, body, err)
	}
	return told
}

func serves(s contract.Status, version string) bool {
	return s.State == contract.Ready && s.Info != nil && s.Info.Version == version
}

// follow waits until the plugin echo is as it should be in every pod, and tells how long that took. The test fails when
// it takes longer than pluginsFollow.
func follow(t *testing.T, pods []pluginPod, what string, done func(contract.Status) bool) {
	t.Helper()
	begin := time.Now()
	took := map[string]time.Duration{}
	kube.Promptly(t, pluginsFollow, "both pods to follow "+what, func() bool {
		for _, pod := range pods {
			if _, followed := took[pod.name]; !followed && done(pod.plugin(t, echoFile)) {
				took[pod.name] = time.Since(begin).Round(time.Millisecond)
			}
		}
		return len(took) == len(pods)
	})
	t.Logf("%s: followed after %v", what, took)
}

// installed wants what the job has put onto the volume to serve in both pods.
func installed(t *testing.T, pods []pluginPod) {
	t.Helper()
	for _, pod := range pods {
		for _, name := range []string{"cbor", "msgpack", "modbus", "sparkplugb"} {
			kube.Eventually(t, kube.Until, name+" to serve in "+pod.name, func() bool {
				return pod.plugin(t, name).State == contract.Ready
			})
		}
		// RFC 8949 Appendix A: what is no JSON becomes a byte string, and "" is 0x40.
		expect(t, plain(), http.MethodPost, pod.url+"/plugins/cbor/encode", "", http.StatusOK, "\x40")
	}
}

// managed wants the operators' calls to take the token of the Secret.
func managed(t *testing.T, pod pluginPod) {
	t.Helper()
	for _, test := range []struct {
		method, path, token string
		status              int
	}{
		{http.MethodPost, "/plugins/cbor/reload", "", http.StatusForbidden},
		{http.MethodPost, "/plugins/cbor/reload", "wrong", http.StatusForbidden},
		{http.MethodPost, "/plugins/cbor/reload", adminToken, http.StatusOK},
		{http.MethodDelete, "/plugins/modbus", adminToken, http.StatusConflict}, // the volume is read-only
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, pod.url+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if test.token != "" {
			request.Header.Set("Authorization", "Bearer "+test.token)
		}
		answer, err := plain().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != test.status {
			t.Errorf("%s %s with the token %q: %s, %v; want %d",
				test.method, test.path, test.token, answer.Status, err, test.status)
		}
	}
	if got := pod.plugin(t, "cbor"); got.State != contract.Ready || got.Reloads != 1 {
		t.Errorf("after one reload the plugin is %+v", got)
	}
}

// killed has the kernel kill the plugin's process in the first pod. Another container of the pod does it, which has a
// shell and sees the processes, and no more rights than podinfo.
func killed(t *testing.T, r release, pods []pluginPod) {
	t.Helper()
	first, second := pods[0].plugin(t, echoFile), pods[1].plugin(t, echoFile)
	r.Kubectl(t, "debug", "pod/"+pods[0].name, "--image="+kube.ToolboxImage, "--image-pull-policy=IfNotPresent",
		"--target=podinfo", "--profile=restricted", "--", "/bin/busybox", "kill", "-9", strconv.Itoa(first.PID))
	kube.Eventually(t, kube.Until, "the killed plugin to serve again", func() bool {
		now := pods[0].plugin(t, echoFile)
		return serves(now, "two") && now.PID != first.PID && now.Restarts == first.Restarts+1
	})
	if now := pods[1].plugin(t, echoFile); now.PID != second.PID || now.Restarts != second.Restarts {
		t.Errorf("the plugin of the other pod was %+v and is %+v", second, now)
	}
}

// restricted wants the pods to be as the namespace enforces, their roots read-only, and to have lived through it all.
func restricted(t *testing.T, r release) {
	t.Helper()
	const container = ".items[*].spec.containers[?(@.name=='podinfo')]"
	for path, want := range map[string]string{
		".items[*].spec.securityContext.runAsUser":                  "65532",
		".items[*].spec.securityContext.runAsNonRoot":               "true",
		container + ".securityContext.readOnlyRootFilesystem":       "true",
		container + ".volumeMounts[?(@.name=='plugins')].readOnly":  "true",
		".items[*].status.containerStatuses[*].restartCount":        "0",
		".items[*].spec.volumes[*].persistentVolumeClaim.claimName": "plugins",
	} {
		got := strings.Fields(r.Kubectl(t, "get", "pods", "--selector=app.kubernetes.io/name="+helmFullname,
			"--output=jsonpath={"+path+"}"))
		if !slices.Equal(got, []string{want, want}) {
			t.Errorf("%s of the two pods is %v, want %s", path, got, want)
		}
	}
}
