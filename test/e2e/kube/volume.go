package kube

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
)

// Volume is a directory of a node that the pods of a namespace share by a claim. Whoever mounts it as user or group
// 65532 can write to it, as on a volume that a driver has made for such a pod.
type Volume struct {
	Claim string
	tools *Namespace // which may do what "restricted" forbids
	dir   string     // in the pod of the tools
}

// NewVolume makes such a volume, with a claim of that name. It goes when the test ends.
func (n *Namespace) NewVolume(t testing.TB, claim string) *Volume {
	t.Helper()
	name := "podinfo-e2e-" + strings.ToLower(rand.Text()[:8])
	v := &Volume{
		Claim: claim, dir: "/node/" + name,
		tools: NewNamespace(t, "pod-security.kubernetes.io/enforce=privileged", "pod-security.kubernetes.io/warn=privileged"),
	}
	v.tools.Apply(t, toolbox(t))
	v.tools.Kubectl(t, "wait", "pod/tools", "--for=condition=Ready", "--timeout="+rolloutTimeout.String())
	node := v.tools.Kubectl(t, "get", "pod/tools", "--output=jsonpath={.spec.nodeName}")
	host := v.tools.Kubectl(t, "get", "node/"+node, `--output=jsonpath={.metadata.labels.kubernetes\.io/hostname}`)
	v.Shell(t, "mkdir -m 0775 $dir && chown 65532:65532 $dir")
	t.Cleanup(func() {
		v.Shell(t, "rm -rf $dir")
		// It is gone when its claim is.
		v.tools.Kubectl(t, "delete", "persistentvolume/"+name, "--wait=false")
	})
	n.Apply(t, bound(t, name, claim, n.Name, host))
	return v
}

// Shell runs a script of busybox's shell on the volume's node, as root. In it $dir is the volume, /echo/one and
// /echo/two are two versions of a plugin.
func (v *Volume) Shell(t testing.TB, script string) {
	t.Helper()
	v.tools.Kubectl(t, "exec", "tools", "--", "/bin/busybox", "sh", "-euc", "dir="+v.dir+"; "+script)
}

// Install puts a version of the plugin echo onto the volume as a file of that name, which appears whole.
func (v *Volume) Install(t testing.TB, version, file string) {
	t.Helper()
	v.Shell(t, "cp /echo/"+version+" $dir/.new && chmod 0755 $dir/.new && mv $dir/.new $dir/"+file)
}

func toolbox(t testing.TB) string {
	t.Helper()
	return marshal(t, object{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   object{"name": "tools"},
		"spec": object{
			"restartPolicy":                 "Never",
			"activeDeadlineSeconds":         1200,
			"automountServiceAccountToken":  false,
			"terminationGracePeriodSeconds": 0,
			"securityContext":               object{"runAsUser": 0, "runAsGroup": 0},
			"containers": []object{{
				"name":            "tools",
				"image":           ToolboxImage,
				"imagePullPolicy": "IfNotPresent",
				"command":         []string{"/bin/busybox", "sleep", "1200"},
				"volumeMounts":    []object{{"name": "node", "mountPath": "/node"}},
			}},
			"volumes": []object{{"name": "node", "hostPath": object{"path": nodeDirectory, "type": "DirectoryOrCreate"}}},
		},
	})
}

// nodeDirectory is where the directories of volumes are on a node.
const nodeDirectory = "/var/tmp/podinfo-e2e"

// bound are a volume on one node and the claim that it is for.
func bound(t testing.TB, name, claim, namespace, host string) string {
	t.Helper()
	modes, size := []string{"ReadWriteMany"}, object{"storage": "1Gi"}
	volume := marshal(t, object{
		"apiVersion": "v1",
		"kind":       "PersistentVolume",
		"metadata":   object{"name": name},
		"spec": object{
			"accessModes": modes, "capacity": size, "storageClassName": "",
			"persistentVolumeReclaimPolicy": "Retain",
			"hostPath":                      object{"path": nodeDirectory + "/" + name, "type": "Directory"},
			"claimRef":                      object{"namespace": namespace, "name": claim},
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": []object{{"matchExpressions": []object{
				{"key": "kubernetes.io/hostname", "operator": "In", "values": []string{host}},
			}}}}},
		},
	})
	return volume + "\n---\n" + marshal(t, object{
		"apiVersion": "v1",
		"kind":       "PersistentVolumeClaim",
		"metadata":   object{"name": claim},
		"spec": object{
			"accessModes": modes, "storageClassName": "", "volumeName": name, "resources": object{"requests": size},
		},
	})
}

// marshal is a manifest of an object.
func marshal(t testing.TB, o object) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
