"""Domain similarity, measures of transferability, and simple classifiers: mathematics only.

Functions of arrays and of `slim.features.domains.Domain`. Nothing here reads or writes files, draws
or imports TensorFlow; the packages `features` and `learning` do not import this one.

- `emd`: earth mover's distance (EMD), the solution of the transport problem
- `domain_similarity`: the paper's similarity of two domains, with a bootstrap interval
- `source_selection`: source classes that are most similar to given targets
- `measures`: LogME and H-score, two other measures of transferability
- `correlations`: correlation of measures with transfer accuracy
- `linear_classifier`, `neighbours`: logistic regression and nearest neighbours on features
"""
