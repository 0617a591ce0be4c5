package knative

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestLife takes service.yaml as it is (but for the image's name) from its creation to its end: private, published by
// the README's commands, private again, deleted.
func TestLife(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml"))
	if url := s.status(t, "url"); url != "http://podinfo."+s.Name+".svc.cluster.local" {
		t.Errorf("the URL is %s, want one inside the cluster", url)
	}
	s.wantRestricted(t)
	load := s.Load(t, kube.LoadOptions{URL: s.status(t, "url") + "/version"})
	load.More(t, 50)
	load.StopWithoutLoss(t)

	publish, show, hide := readmeCommands(t)
	client := s.client(t, false)
	s.Kubectl(t, publish...)
	kube.Eventually(t, kube.Until, "a public URL", func() bool {
		return !strings.HasSuffix(s.status(t, "url"), ".svc.cluster.local")
	})
	url := s.url(t, client)
	if table := s.Kubectl(t, show...); !strings.Contains(table, url) {
		t.Errorf("kubectl %q does not show %s:\n%s", show, url, table)
	}
	s.Kubectl(t, hide...)
	kube.Eventually(t, kube.Until, "the ingress to forget "+url, func() bool {
		got, err := ask(client, http.MethodGet, url+"/version", "")
		return err == nil && got.status == http.StatusNotFound
	})

	s.Kubectl(t, "delete", "services.serving.knative.dev", "podinfo")
	s.Kubectl(t, "delete", "pods", "--selector=!serving.knative.dev/service", "--now") // the load's
	s.Gone(t)
}

// readmeCommands returns the arguments of the commands by which the README publishes the service, shows its URL, and
// makes it private again.
func readmeCommands(t *testing.T) (publish, show, hide []string) {
	t.Helper()
	var found [][]string
	for _, command := range testkit.CommandsOf(t, "../../../deploy/knative/README.md", "kubectl") {
		args := strings.Fields(strings.TrimPrefix(command, "kubectl "))
		if slices.Contains(args, "services.serving.knative.dev") {
			found = append(found, args)
		}
	}
	if len(found) != 3 {
		t.Fatalf("the README shows %d commands of kubectl for services, want 3: %q", len(found), found)
	}
	return found[0], found[1], found[2]
}

// wantRestricted looks at the pod that Knative has made. The namespace would have refused what is not "restricted".
func (s *service) wantRestricted(t *testing.T) {
	t.Helper()
	const container = `.spec.containers[?(@.name=="user-container")]`
	for path, want := range map[string]string{
		".spec.automountServiceAccountToken":                    "false",
		".spec.terminationGracePeriodSeconds":                   "300",
		container + ".securityContext.runAsUser":                "65532",
		container + ".securityContext.readOnlyRootFilesystem":   "true",
		container + ".securityContext.allowPrivilegeEscalation": "false",
		container + ".volumeMounts[*].mountPath":                "/data",
	} {
		if got := s.get(t, "pods", "{.items[0]"+path+"}"); got != want {
			t.Errorf("the pod's %s is %q, want %q", path, got, want)
		}
	}
}
