"""A tf-slim network in the TF2 runtime: callable, with its variables under their TF1 names."""

import tensorflow as tf

from slim.compat import track_tf1_style_variables
from slim.learning.precision import PRECISIONS, float32_variables


class Model(tf.Module):
    """A network function with its variables.

    The variables are created when the model is built, by name, as `tf.compat.v1.get_variable` would
    in a graph, and shared by every later call. Create it under the scope of the strategy that is to
    train it.
    """

    def __init__(self, network_fn, image_size, precision='float32', **network_arguments):
        """Builds the network's variables.

        Args:
          network_fn: from `nets_factory.get_network_fn`.
          image_size: height and width in pixels of the images to come.
          precision: what its layers compute in, a key of `PRECISIONS`.
          **network_arguments: what else the network function takes, `depth_multiplier` say.

        Raises:
          ValueError: if the network cannot take images of this size.
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
        # The shim keeps them as callables by variable name; its documentation points modules here.
        # Those of this float32 trace are about the variables, not about what is rounded of them.
        self._regularizers = dict(self._tf1_style_var_store._regularizers)
        self._dtype = PRECISIONS[precision]

    @track_tf1_style_variables
    def __call__(self, images):
        """Logits and end points of `images`, float32 [batch, height, width, 3].

        Logits are float32 [batch, classes], as are those of the auxiliary head; the other end
        points may be of the precision that the layers compute in.
        """
        images = tf.cast(images, self._dtype)
        with float32_variables(self._dtype):
            return self._network_fn(images, **self._network_arguments)

    def named_variables(self) -> dict[str, tf.Variable]:
        """Every variable under its TF1 name, in the order of names."""
        return dict(sorted(self._by_name.items()))

    def regularization_loss(self):
        """Sum of the weights' L2 losses, a float32 scalar."""
        losses = [loss() for _, loss in sorted(self._regularizers.items())]
        losses = [loss for loss in losses if loss is not None]  # None where weight decay is zero.
        return tf.add_n(losses) if losses else tf.constant(0.0)
