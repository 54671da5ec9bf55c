"""What vLLM's workers are taught: to take new weights completely.  Runs inside vLLM, in its process."""

from __future__ import annotations

from typing import Any


class TakesWeights:
    """A worker extension of vLLM (`worker_extension_cls`)."""

    def take_weights(self, **source: Any) -> None:
        """vLLM's layer-wise reload from `weights_iterator` (name, tensor) or `weights_path` (a folder).

        An output layer that shares the embedding's weights is loaded with them, but on a CPU it computes with a packed
        copy, which the reload (0.31) leaves as it was: the sampler would go on with the first output layer it had.
        """
        self.reload_weights(**source)  # type: ignore[attr-defined]
        for layer in self.model_runner.get_model().modules():  # type: ignore[attr-defined]
            if type(layer).__name__ == "ParallelLMHead":
                layer.quant_method.process_weights_after_loading(layer)


EXTENSION = f"{__name__}.{TakesWeights.__qualname__}"
