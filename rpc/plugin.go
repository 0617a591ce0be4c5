package rpc

import (
	"context"
	"mime"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc/metadata"

	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/value"
)

// The content types of what no plugin gives one.
const (
	jsonType = "application/json"
	rawType  = "application/octet-stream"
)

// pluginService converts values by the plugins of a host, and manages these for whom the gate lets pass.
type pluginService struct {
	pluginpb.UnimplementedPluginServiceServer
	plugins contract.Manager
	gate    admin.Gate
	log     *logrus.Logger
}

// List answers with all plugins.
func (s *pluginService) List(context.Context, *pluginpb.ListRequest) (*pluginpb.ListResponse, error) {
	list := s.plugins.List()
	answer := &pluginpb.ListResponse{Plugins: make([]*pluginpb.Plugin, len(list))}
	for i := range list {
		answer.Plugins[i] = pluginMessage(&list[i])
	}
	return answer, nil
}

// Get answers with one plugin.
func (s *pluginService) Get(ctx context.Context, r *pluginpb.GetRequest) (*pluginpb.Plugin, error) {
	got, err := s.plugins.Get(r.GetName())
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return pluginMessage(&got), nil
}

// Encode hands the value to the plugin, and answers with what comes back.
func (s *pluginService) Encode(ctx context.Context, r *pluginpb.EncodeRequest) (*pluginpb.EncodeResponse, error) {
	argument, err := argumentOf(r.GetValue(), value.FromJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	encoded, err := s.plugins.Encode(ctx, r.GetName(), argument)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	answer, contentType, err := valueMessage(encoded)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if contentType == rawType {
		contentType = s.contentType(r.GetName())
	}
	return &pluginpb.EncodeResponse{Value: answer, ContentType: contentType}, nil
}

// Decode hands what Encode made to the plugin, and answers with what comes back.
func (s *pluginService) Decode(ctx context.Context, r *pluginpb.DecodeRequest) (*pluginpb.DecodeResponse, error) {
	argument, err := argumentOf(r.GetValue(), value.EncodedFromJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	decoded, err := s.plugins.Decode(ctx, r.GetName(), argument)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	answer, contentType, err := valueMessage(decoded)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &pluginpb.DecodeResponse{Value: answer, ContentType: contentType}, nil
}

// contentType returns that of what the plugin encodes, as it says itself. What is no media type is not passed on.
func (s *pluginService) contentType(name string) string {
	got, err := s.plugins.Get(name)
	if err != nil || got.Info == nil {
		return rawType
	}
	if _, _, err := mime.ParseMediaType(got.Info.ContentType); err != nil {
		return rawType
	}
	return text(got.Info.ContentType)
}

// Reload replaces the plugin's process.
func (s *pluginService) Reload(ctx context.Context, r *pluginpb.ReloadRequest) (*pluginpb.Plugin, error) {
	return s.manage(ctx, r.GetName(), s.plugins.Reload)
}

// Kill ends the plugin's process.
func (s *pluginService) Kill(ctx context.Context, r *pluginpb.KillRequest) (*pluginpb.Plugin, error) {
	return s.manage(ctx, r.GetName(), s.plugins.Kill)
}

// Start starts the plugin.
func (s *pluginService) Start(ctx context.Context, r *pluginpb.StartRequest) (*pluginpb.Plugin, error) {
	return s.manage(ctx, r.GetName(), s.plugins.Start)
}

// manage does for an operator what do does, and answers with what became of the plugin.
func (s *pluginService) manage(ctx context.Context, name string,
	do func(context.Context, string) (contract.Status, error),
) (*pluginpb.Plugin, error) {
	if err := s.gate.Check(credentials(ctx)); err != nil {
		return nil, s.fail(ctx, err)
	}
	got, err := do(ctx, name)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return pluginMessage(&got), nil
}

// Delete kills the plugin and deletes its file.
func (s *pluginService) Delete(ctx context.Context, r *pluginpb.DeleteRequest) (*pluginpb.DeleteResponse, error) {
	if err := s.gate.Check(credentials(ctx)); err != nil {
		return nil, s.fail(ctx, err)
	}
	if err := s.plugins.Delete(ctx, r.GetName()); err != nil {
		return nil, s.fail(ctx, err)
	}
	return &pluginpb.DeleteResponse{}, nil
}

// credentials returns what the call carries as authorization, with its scheme, or "".
func credentials(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// argumentOf returns the value that a plugin is handed for v. fromJSON reads one that comes as JSON.
func argumentOf(v *pluginpb.Value, fromJSON func([]byte) (any, error)) (any, error) {
	switch form := v.GetForm().(type) {
	case *pluginpb.Value_Raw:
		if form.Raw == nil {
			return []byte{}, nil
		}
		return form.Raw, nil
	case *pluginpb.Value_Json:
		return fromJSON([]byte(form.Json))
	default:
		return nil, errNoValue
	}
}

// valueMessage returns what a plugin answered, and its content type as far as that follows from it.
func valueMessage(answer any) (v *pluginpb.Value, contentType string, err error) {
	if raw, ok := answer.([]byte); ok {
		return &pluginpb.Value{Form: &pluginpb.Value_Raw{Raw: raw}}, rawType, nil
	}
	asJSON, err := value.ToJSON(answer)
	if err != nil {
		return nil, "", err
	}
	return &pluginpb.Value{Form: &pluginpb.Value_Json{Json: string(asJSON)}}, jsonType, nil
}

// pluginMessage returns the message for s. Part of what it says comes from the plugin.
func pluginMessage(s *contract.Status) *pluginpb.Plugin {
	m := &pluginpb.Plugin{
		Name:      text(s.Name),
		Transport: string(s.Transport),
		State:     string(s.State),
		Since:     s.Since.UTC().Format(time.RFC3339Nano),
		Error:     text(s.Error),
		Sha256:    s.SHA256,
		Pid:       int64(s.PID),
		Restarts:  int64(s.Restarts),
		Reloads:   int64(s.Reloads),
		InFlight:  int64(s.InFlight),
	}
	if s.Info != nil {
		m.Info = &pluginpb.PluginInfo{
			Name:        text(s.Info.Name),
			Version:     text(s.Info.Version),
			Description: text(s.Info.Description),
			ContentType: text(s.Info.ContentType),
		}
	}
	return m
}
