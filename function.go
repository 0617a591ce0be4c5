// Package podinfo is what Cloud Functions builds when the root of this repository is deployed. The platform's builder
// looks for a package of functions in the root, writes a main package that imports it, and starts that: importing this
// package starts podinfo. Nothing else imports it but the local runner, which is such a main package.
//
// How podinfo serves there is told in targets/cloudfunctions.
package podinfo

import (
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/podinfo-targets/podinfo/targets/cloudfunctions"
)

func init() { //nolint:gochecknoinits // the framework serves what is registered before main begins
	functions.HTTP("Podinfo", cloudfunctions.Start().ServeHTTP)
}
