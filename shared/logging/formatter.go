package logging

import (
	"bytes"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
)

// timeFormat is ISO 8601 with milliseconds; the time is in UTC, which the Z says.
const timeFormat = "2006-01-02T15:04:05.000Z"

// formatter writes entries as JSON lines, with the names of a layout.
type formatter struct{ layout Layout }

// Format returns the line of the entry. It is called by several goroutines at a time.
func (f *formatter) Format(entry *logrus.Entry) ([]byte, error) {
	buffer := entry.Buffer
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	l := line{bytes: append(buffer.AvailableBuffer(), '{')}
	f.parts(&l, entry)
	fields := entry.Data
	if f.layout.Fields != nil {
		fields = f.layout.Fields(entry)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		l.key(f.fieldKey(name))
		l.bytes = appendValue(l.bytes, fields[name])
	}
	buffer.Write(append(l.bytes, "}\n"...))
	return buffer.Bytes(), nil
}

// parts writes what every entry has.
func (f *formatter) parts(l *line, entry *logrus.Entry) {
	l.text(f.layout.Level, f.layout.LevelName(entry.Level))
	if f.layout.Time != "" {
		l.key(f.layout.Time)
		l.bytes = appendTime(l.bytes, entry.Time)
	}
	if entry.Caller != nil {
		l.text(f.layout.Caller, place(entry.Caller))
	}
	l.text(f.layout.Message, entry.Message)
	if entry.Caller != nil && entry.Level <= logrus.ErrorLevel && f.layout.Stack != "" {
		if calls := stack(entry.Caller); calls != "" {
			l.text(f.layout.Stack, calls)
		}
	}
}

// fieldKey returns the key of a field. A field that is called as a part of the line is must not hide that part: two
// equal keys are read differently by different programs.
func (f *formatter) fieldKey(name string) string {
	switch name {
	case f.layout.Level, f.layout.Time, f.layout.Caller, f.layout.Message, f.layout.Stack:
		return "fields." + name
	}
	return name
}

// line is a JSON object being written.
type line struct{ bytes []byte }

func (l *line) key(name string) {
	if l.bytes[len(l.bytes)-1] != '{' {
		l.bytes = append(l.bytes, ',')
	}
	l.bytes = append(appendString(l.bytes, name), ':')
}

// text writes a key and its text, or nothing when the layout has no name for it.
func (l *line) text(name, value string) {
	if name == "" {
		return
	}
	l.key(name)
	l.bytes = appendString(l.bytes, value)
}

// place shortens the path of a source file to its directory and name, which tell it apart in any module.
func place(frame *runtime.Frame) string {
	dir, file := filepath.Split(frame.File)
	return filepath.Base(dir) + "/" + file + ":" + strconv.Itoa(frame.Line)
}

// stack returns the calls that led to the line, from the caller outwards, as a panic would print them. Above the caller
// are the frames of logrus and of this package, which help nobody. An entry whose caller is not on this goroutine's
// stack was handed over from another one, whose stack is not to be had: it gets none.
func stack(caller *runtime.Frame) string {
	const deepest = 64
	var counters [deepest]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	var text strings.Builder
	for found, more := false, true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		found = found || frame.Function == caller.Function && frame.File == caller.File && frame.Line == caller.Line
		if !found {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(frame.Function + "\n\t" + frame.File + ":" + strconv.Itoa(frame.Line))
	}
	return text.String()
}
