package helm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What helm prints after installing tells the way to podinfo that these values make, and what they leave open.
func TestNotes(t *testing.T) {
	t.Parallel()
	copied := chartWithNotesAsObject(t)
	const (
		everyone = "The tokens of /token are signed with a key that everyone knows."
		forward  = "kubectl --namespace default port-forward service/podinfo 8080:9898"
		tests    = "helm test podinfo --namespace default"
		unused   = "podinfo serves HTTPS with the certificate in the Secret podinfo-tls if tls.enabled=true."
	)
	cases := []struct {
		name, values string
		has, lacks   []string
	}{
		{"defaults", "", []string{forward, tests, everyone, "ghcr.io/podinfo-targets/podinfo:6.15.0 runs"},
			[]string{"certificate", "no Service"}},
		{"no type of Service", "service: {type: null}", []string{forward}, nil},
		{"prefix", "prefix: /p", []string{"http://localhost:8080/p/"}, nil},
		{"no Service", "service: {enabled: false}",
			[]string{"port-forward deployment/podinfo 8080:9898", "needs one that is called podinfo"}, []string{tests}},
		{"node port", "service: {type: NodePort, nodePort: 0}", []string{"{.spec.ports[0].nodePort}"}, []string{forward}},
		{"load balancer", "service: {type: LoadBalancer, externalPort: 80}", []string{"http://$host:80/"},
			[]string{forward}},
		{"Ingress", "ingress: {enabled: true}", []string{"http://podinfo.local/"}, []string{forward}},
		{"Ingress with TLS", "ingress: {enabled: true, tls: [{hosts: [podinfo.local]}]}",
			[]string{"https://podinfo.local/"}, nil},
		{"Ingress for all hosts", "ingress: {enabled: true, hosts: [{paths: [{path: /}]}]}",
			[]string{"http://<address of the Ingress>/"}, nil},
		{"HTTPRoute", "httpRoute: {enabled: true}", []string{"http://podinfo.local/"}, []string{forward}},
		{"HTTPRoute for all hosts", "httpRoute: {enabled: true, hostnames: []}", []string{forward}, nil},
		{"digest", "image: {digest: 'sha256:" + strings.Repeat("0", 64) + "'}", []string{"podinfo@sha256:0"}, nil},
		{"certificate before HTTPS", "certificate: {create: true}", []string{unused}, nil},
		{"certificate and HTTPS", "{certificate: {create: true}, tls: {enabled: true}}", nil, []string{unused}},
		{"own key", "jwt: {generate: true}", nil, []string{everyone}},
		{"own key in the environment", "extraEnvs: [{name: PODINFO_JWT_SECRET, value: key}]", nil, []string{everyone}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			notes := notesOf(t, copied, tt.values)
			missing := func(text string) bool { return !strings.Contains(notes, text) }
			if i := slices.IndexFunc(tt.has, missing); i >= 0 {
				t.Errorf("the notes lack %q:\n%s", tt.has[i], notes)
			}
			for _, text := range tt.lacks {
				if !missing(text) {
					t.Errorf("the notes have %q, which is wrong here:\n%s", text, notes)
				}
			}
		})
	}
}

// chartWithNotesAsObject copies the chart and makes an object of its notes, as `helm template` shows objects only.
func chartWithNotesAsObject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "podinfo")
	if err := os.CopyFS(dir, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	object := `notes: {{ include (print .Template.BasePath "/NOTES.txt") . | toJson }}`
	if err := os.WriteFile(filepath.Join(dir, "templates", "notes.yaml"), []byte(object), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func notesOf(t *testing.T, dir, values string) string {
	t.Helper()
	out, err := helm(t, values, "template", "podinfo", dir, "--kube-version="+kubeVersion, "--values=-",
		"--show-only=templates/notes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	notes, _ := parse(t, out)["<nil>/<nil>"]["notes"].(string)
	return notes
}
