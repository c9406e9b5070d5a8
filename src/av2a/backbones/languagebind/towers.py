"""LanguageBind's towers in torch, under the names that its checkpoints give their parameters.

Text is CLIP's text transformer. Image and audio are CLIP's vision transformer, audio over a grid of 8 × 74 patches of a spectrogram.
Video is the same with attention over time before that over space, in every layer. Attention and the two-layer networks are
those of ``transformers``.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPMLP, CLIPAttention

from av2a.backbones.languagebind.configuration import Configuration, TowerShape
from av2a.backbones.running import unit


class PatchEmbeddings(nn.Module):
    """Patches, row by row, behind a class token; with positions."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.patch = shape.patch
        self.patch_embedding: nn.Conv2d | nn.Conv3d
        if shape.class_token_per_frame:
            # V1.5; its kernel has a temporal size, which is 1.
            kernel = (1, shape.patch, shape.patch)
            self.class_embedding = nn.Parameter(torch.empty(shape.frames, shape.width))
            self.patch_embedding = nn.Conv3d(3, shape.width, kernel, stride=kernel, bias=False)
        else:
            self.class_embedding = nn.Parameter(torch.empty(shape.width))
            self.patch_embedding = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch, bias=False)
        self.position_embedding = nn.Embedding(shape.tokens, shape.width)

    def forward(self, pixels: Float[Tensor, "picture 3 height width"]) -> Float[Tensor, "picture token feature"]:
        """The first layer's inputs. Frames of a clip are neighbours."""
        kernel = self.patch_embedding.weight.view(-1, 3, self.patch, self.patch)
        patches = functional.conv2d(pixels, kernel, stride=self.patch).flatten(2).transpose(1, 2)
        classes = self.class_embedding.view(-1, 1, patches.shape[2])
        # Not len(): a compiler that follows one batch would take it for a constant.
        classes = classes.repeat(pixels.shape[0] // classes.shape[0], 1, 1)
        return torch.cat([classes, patches], dim=1) + self.position_embedding.weight


class SpaceTimeLayer(nn.Module):
    """CLIP's layer; before it, where the tower attends over time, every token attends to its like in the clip's other frames."""

    def __init__(self, config: CLIPVisionConfig, shape: TowerShape) -> None:
        super().__init__()
        self.frames = shape.frames
        self.attends_over_time = shape.attends_over_time
        if shape.attends_over_time:
            self.temporal_embedding = nn.Parameter(torch.empty(1, shape.frames, shape.width))
            self.temporal_layer_norm1 = nn.LayerNorm(shape.width, eps=shape.epsilon)
            self.temporal_attn = CLIPAttention(config)
        self.layer_norm1 = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.self_attn = CLIPAttention(config)
        self.layer_norm2 = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.mlp = CLIPMLP(config)  # type: ignore[no-untyped-call]

    def forward(self, tokens: Float[Tensor, "picture token feature"]) -> Float[Tensor, "picture token feature"]:
        """One layer on."""
        if self.attends_over_time:
            tokens = self._after_time(tokens)
        tokens = tokens + self.self_attn(self.layer_norm1(tokens))[0]
        return tokens + self.mlp(self.layer_norm2(tokens))

    def _after_time(self, tokens: Float[Tensor, "picture token feature"]) -> Float[Tensor, "picture token feature"]:
        _, places, width = tokens.shape
        clips = tokens.view(-1, self.frames, places, width)
        moments = clips.transpose(1, 2).reshape(-1, self.frames, width)
        if self.frames > 1:
            # Into the residual stream itself, in every layer.
            moments = moments + self.temporal_embedding
        moments = moments + self.temporal_attn(self.temporal_layer_norm1(moments))[0]
        clips = moments.view(-1, places, self.frames, width)
        return clips.transpose(1, 2).reshape(-1, places, width)


class Layers(nn.Module):
    """The layers, under the name that checkpoints have for them."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        config = CLIPVisionConfig.from_dict(
            {
                "hidden_size": shape.width,
                "intermediate_size": shape.inner_width,
                "num_attention_heads": shape.heads,
                "hidden_act": shape.activation,
                "attn_implementation": "sdpa",
            }
        )
        self.layers = nn.ModuleList(SpaceTimeLayer(config, shape) for _ in range(shape.layers))


class Tower(nn.Module):
    """From images, clips or spectrograms to one embedding each."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.shape = shape
        self.embeddings = PatchEmbeddings(shape)
        self.pre_layrnorm = nn.LayerNorm(shape.width, eps=shape.epsilon)  # spelled as in the checkpoints
        self.encoder = Layers(shape)
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.epsilon)

    def last_hidden(self, pixels: Float[Tensor, "picture 3 height width"]) -> Float[Tensor, "picture token feature"]:
        """All tokens after the last layer. Frames of a clip are neighbours, each a picture.

        Raises:
            ValueError: pictures of another size, or no whole number of clips.
        """
        if tuple(pixels.shape[2:]) != self.shape.input_shape or len(pixels) % self.shape.frames:
            rows, columns = self.shape.input_shape
            raise ValueError(
                f"pixels must be (n × {self.shape.frames}, 3, {rows}, {columns}), got {tuple(pixels.shape)}"
            )
        tokens = self.pre_layrnorm(self.embeddings(pixels))
        for layer in self.encoder.layers:
            tokens = layer(tokens)
        return tokens

    def pooled(self, tokens: Float[Tensor, "picture token feature"]) -> Float[Tensor, "clip feature"]:
        """The class tokens of :meth:`last_hidden`, normalised and only then averaged over a clip's frames."""
        classes = self.post_layernorm(tokens[:, 0])
        return classes.view(-1, self.shape.frames, classes.shape[1]).mean(dim=1)


class LanguageBindModel(nn.Module):
    """One checkpoint: a tower for images, clips or audio, and its text tower."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        shared = configuration.shared_width
        self.configuration = configuration
        text = CLIPTextConfig.from_dict({**configuration.text, "attn_implementation": "sdpa"})
        self.text_model: CLIPTextModel | None = CLIPTextModel(text)
        self.vision_model = Tower(configuration.tower)
        self.text_projection: nn.Linear | None = nn.Linear(text.hidden_size, shared, bias=False)
        self.visual_projection = nn.Linear(configuration.tower.width, shared, bias=False)
        self.logit_scale = nn.Parameter(torch.empty(()))

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return self.configuration.shared_width

    def picture_rows(self, pixels: Float[Tensor, "picture 3 height width"]) -> Float[Tensor, "row feature"]:
        """Unit embeddings of images or spectrograms."""
        return unit(self.visual_projection(self.vision_model.pooled(self.vision_model.last_hidden(pixels))))

    def clip_rows(self, pixels: Float[Tensor, "clip 3 frame height width"]) -> Float[Tensor, "clip feature"]:
        """Unit embeddings of clips.

        Raises:
            ValueError: clips of another number of frames than the tower's.
        """
        # Clips of half or twice the length would be mixed with others' frames without an error.
        if pixels.shape[2] != self.vision_model.shape.frames:
            raise ValueError(f"a clip must have {self.vision_model.shape.frames} frames, got {pixels.shape[2]}")
        return self.picture_rows(pixels.transpose(1, 2).flatten(0, 1))

    def text_rows(self, token_ids: Int64[Tensor, "text token"]) -> Float[Tensor, "text feature"]:
        """Unit embeddings of texts, each read to its first end token. Attention looks back only, so what follows has no effect."""
        if self.text_model is None or self.text_projection is None:
            raise ValueError("this checkpoint was loaded without its text tower")
        return unit(self.text_projection(self.text_model(input_ids=token_ids).pooler_output))

    def drop_text(self) -> None:
        """Free the text tower: only one of the three checkpoints' is used."""
        self.text_model = self.text_projection = None
