"""A tf-slim network in the TensorFlow 2 runtime: callable, its variables under their TF1 names."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from slim.compat import track_tf1_style_variables
from slim.configs import TrainingConfig
from slim.learning.precision import PRECISIONS, float32_variables


class Model(tf.Module):
    """A network function with its variables.

    The variables are created by name when the model is built, as `tf.compat.v1.get_variable` does
    in a graph, and shared by all later calls. Build it in the scope of the strategy that trains it.

    Attributes:
      output_shapes: static shapes of the logits and of the end points by name.
    """

    def __init__(
        self,
        network_fn: Callable,
        image_size: int,
        precision: str = TrainingConfig.precision,
        **network_arguments: Any,
    ):
        """Builds the network's variables.

        Args:
          network_fn: network function from `nets_factory.get_network_fn`.
          image_size: height and width of the images in pixels.
          precision: type that the layers compute in, a key of `PRECISIONS`.
          **network_arguments: further arguments of the network function, e.g. `depth_multiplier`.

        Raises:
          ValueError: if the network does not accept images of this size.
        """
        super().__init__()
        self._network_fn = network_fn
        self._network_arguments = network_arguments
        self._dtype = tf.float32
        # Tracing creates the variables without computing anything.
        images = tf.TensorSpec([None, image_size, image_size, 3], tf.float32)
        traced = tf.function(self.__call__, autograph=False).get_concrete_function(images)
        self.output_shapes = tf.nest.map_structure(lambda t: t.shape, traced.structured_outputs)
        self._by_name = {v.name.split(':')[0]: v for v in self.variables}
        # The shim keeps the regularizers as callables by variable name; its documentation points
        # modules here. Those of this float32 trace use the variables, not a cast copy of them.
        self._regularizers = dict(self._tf1_style_var_store._regularizers)
        self._dtype = PRECISIONS[precision]

    @track_tf1_style_variables
    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns logits and end points of `images`, float32 [batch, height, width, 3].

        Logits are float32 [batch, classes], those of the auxiliary head, too. Other end points may
        have the type that the layers compute in.
        """
        images = tf.cast(images, self._dtype)
        with float32_variables(self._dtype):
            return self._network_fn(images, **self._network_arguments)

    def named_variables(self) -> dict[str, tf.Variable]:
        """Returns all variables by TF1 name, sorted by name."""
        return dict(sorted(self._by_name.items()))

    def regularization_loss(self) -> tf.Tensor:
        """Returns the sum of the weights' L2 losses, a float32 scalar."""
        losses = [loss() for _, loss in sorted(self._regularizers.items())]
        losses = [loss for loss in losses if loss is not None]  # None where weight decay is zero.
        return tf.add_n(losses) if losses else tf.constant(0.0)
