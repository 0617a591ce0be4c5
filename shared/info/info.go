// Package info is what a podinfo process says about itself: who it is (host, version, color, message) and the runtime
// it lives in. The HTTP route /api/info, the page at / and the gRPC InfoService all answer with the same snapshot.
package info

import (
	"runtime"
	"strconv"
)

// Identity holds what stays the same while a process lives.
type Identity struct {
	Hostname string // the name of the machine or pod
	Version  string // the release, such as 6.15.0
	Revision string // the commit of the build
	Color    string // the color of the page, a CSS color such as #34577c
	Logo     string // the URL of the logo, absolute or a path on this server
	Message  string // the greeting

	// Platform is what the platform calls this instance. It is shown by /api/info, after the rest.
	Platform []Field
}

// Field is one more thing that the platform tells, with its name in the style of the JSON keys, such as k_service.
type Field struct{ Name, Value string }

// Info is one answer: the identity together with the state of the Go runtime at that moment. All values are text,
// numbers too, and the JSON keys keep this order, because clients of podinfo rely on both.
type Info struct {
	Hostname     string `json:"hostname"`
	Version      string `json:"version"`
	Revision     string `json:"revision"`
	Color        string `json:"color"`
	Logo         string `json:"logo"`
	Message      string `json:"message"`
	GOOS         string `json:"goos"`
	GOARCH       string `json:"goarch"`
	Runtime      string `json:"runtime"`
	NumGoroutine string `json:"num_goroutine"`
	NumCPU       string `json:"num_cpu"`
}

// Snapshot returns the identity with the runtime as it is now.
func (i Identity) Snapshot() Info {
	return Info{
		Hostname:     i.Hostname,
		Version:      i.Version,
		Revision:     i.Revision,
		Color:        i.Color,
		Logo:         i.Logo,
		Message:      i.Message,
		GOOS:         runtime.GOOS,
		GOARCH:       runtime.GOARCH,
		Runtime:      runtime.Version(),
		NumGoroutine: strconv.Itoa(runtime.NumGoroutine()),
		NumCPU:       strconv.Itoa(runtime.NumCPU()),
	}
}
