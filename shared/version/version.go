// Package version names the release and the commit that a binary was built from. Everything that reports a version
// (the API, gRPC, the command line, telemetry) reads it here.
package version

// Version is the release of podinfo, a semantic version without a leading v.
const Version = "6.15.0"

// Revision is the commit of the build. The build stamps it with
//
//	go build -ldflags "-X github.com/podinfo-targets/podinfo/shared/version.Revision=$(git rev-parse HEAD)"
//
// and nothing changes it afterwards. A build without the stamp says unknown.
var Revision = "unknown"
