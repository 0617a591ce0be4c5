package handlers

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strconv"
	"sync"

	"github.com/podinfo-targets/podinfo/shared/info"
)

// fixedAnswers are the bodies that never change while the process lives, rendered once. encoding/json stays out of
// making them, because a function's cold start would wait for it: it first learns each type that it writes.
type fixedAnswers struct {
	version, ok                   []byte
	faultsEnabled, faultsDisabled []byte
	info                          func() infoAnswer // made when it is first asked for
	color                         []string          // the X-Color header of /echo
	headers                       []headerField     // what podinfo adds to a request that it hands on
}

func newFixedAnswers(id info.Identity) fixedAnswers {
	return fixedAnswers{
		version:        object([2]string{"commit", id.Revision}, [2]string{"version", id.Version}),
		ok:             object([2]string{"status", "OK"}),
		faultsEnabled:  object([2]string{"fault_injection", "enabled"}),
		faultsDisabled: object([2]string{"fault_injection", "disabled"}),
		info:           sync.OnceValue(func() infoAnswer { return newInfoAnswer(id) }),
		color:          []string{id.Color},
		headers: []headerField{
			{"X-Api-Revision", []string{id.Revision}}, {"X-Api-Version", []string{id.Version}},
		},
	}
}

// object renders names and their values as mustJSON would.
func object(members ...[2]string) []byte {
	body := []byte("{")
	for i, member := range members {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, "\n  "...)
		body = appendString(body, member[0])
		body = append(body, ": "...)
		body = appendString(body, member[1])
	}
	return append(body, "\n}"...)
}

// mustJSON renders v indented by two spaces and with HTML's characters escaped.
func mustJSON(v any) []byte {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // Only a programming error gets here: every answer is made of strings and numbers.
		panic(err)
	}
	return body
}

// infoAnswer is /api/info with a gap for the one value that changes, the number of goroutines.
type infoAnswer struct{ before, after []byte }

// gap marks the place while the answer is made; num_goroutine is the last field but one, and num_cpu holds digits.
const gap = "<goroutines>"

func newInfoAnswer(id info.Identity) infoAnswer {
	snapshot := id.Snapshot()
	snapshot.NumGoroutine = gap
	marker := mustJSON(gap)
	marker = marker[1 : len(marker)-1]
	body := mustJSON(snapshot)
	at := bytes.LastIndex(body, marker)
	return infoAnswer{before: body[:at], after: appendMembers(body[at+len(marker):], id.Platform)}
}

// appendMembers puts the platform's fields behind the last member of a rendered object, in the order given.
func appendMembers(object []byte, fields []info.Field) []byte {
	const end = "\n}"
	object = bytes.TrimSuffix(object, []byte(end))
	for _, f := range fields {
		object = append(object, ",\n  "...)
		object = appendString(object, f.Name)
		object = append(object, ": "...)
		object = appendString(object, f.Value)
	}
	return append(object, end...)
}

func (i infoAnswer) render(buf *bytes.Buffer) {
	buf.Write(i.before)
	buf.Write(strconv.AppendInt(buf.AvailableBuffer(), int64(runtime.NumGoroutine()), 10))
	buf.Write(i.after)
}

// faults is the state of the fault injection switch.
func (f fixedAnswers) faults(on bool) []byte {
	if on {
		return f.faultsEnabled
	}
	return f.faultsDisabled
}
