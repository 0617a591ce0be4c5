// Package deploy is the root of the tests of deploy/ that need no cluster, one package per installer.
//
// They are a module of their own because the libraries that check manifests (those of Kubernetes, Knative, Kustomize,
// CUE and Prometheus) must not become requirements of podinfo itself, nor be fetched by the platforms that build it.
package deploy
